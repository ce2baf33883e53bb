# SPDX-License-Identifier: Apache-2.0
"""Beside the branch that is made of its folder, vpr_msgs is a package that every tool finds."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("catkin_pkg", reason="python3-catkin-pkg is not installed")
from catkin_pkg.packages import find_packages

ROOT = Path(__file__).parents[1]


def git(folder, *words):
    quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, env=quiet, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """src/ as vpr_ros.repos fills it, with this checkout in the place of GitHub."""
    if not shutil.which("git") or not shutil.which("git-subtree", path=git(ROOT, "--exec-path")):
        pytest.skip("needs git with its subtree command")
    if git(ROOT, "rev-parse", "--is-shallow-repository", "HEAD:vpr_msgs/LICENSE") is None:
        pytest.skip("this is no checkout that holds the messages")
    if git(ROOT, "rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("this checkout is without its history")
    source = tmp_path_factory.mktemp("workspace") / "src"
    source.mkdir()
    git(source, "clone", "--quiet", "--shared", str(ROOT), "vpr_ros")
    shutil.copy(ROOT / "tools/split_messages.sh", source / "vpr_ros/tools")
    subprocess.run([source / "vpr_ros/tools/split_messages.sh"], cwd=source / "vpr_ros", check=True)
    git(source, "clone", "--quiet", "--branch", "vpr_msgs", "vpr_ros", "vpr_msgs")
    return source.parent


def test_rosdep_bloom_and_the_build_farm_find_both(workspace):
    assert set(find_packages(str(workspace / "src"))) == {"vpr_ros", "vpr_msgs"}
    assert set(find_packages(str(workspace / "src" / "vpr_ros"))) == {"."}, "it is not found twice"


def test_colcon_finds_both(workspace):
    colcon = shutil.which("colcon")
    if not colcon:
        pytest.skip("colcon is not installed")
    done = subprocess.run(
        [colcon, "--log-base", os.devnull, "list"],
        cwd=workspace,
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {tuple(line.split()[:2]) for line in done.stdout.splitlines()}
    assert listed == {("vpr_ros", "src/vpr_ros"), ("vpr_msgs", "src/vpr_msgs")}


def test_the_branch_is_the_folder(workspace):
    folder, branch = workspace / "src/vpr_ros/vpr_msgs", workspace / "src/vpr_msgs"
    kept = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert {Path("package.xml"), Path("LICENSE"), Path("CHANGELOG.rst")} <= kept
    for path in kept:
        assert (branch / path).read_bytes() == (folder / path).read_bytes()


def test_the_branch_made_again_is_the_same(workspace):
    """So pushing it is never forced."""
    repository = workspace / "src/vpr_ros"
    before = git(repository, "rev-parse", "refs/heads/vpr_msgs")
    subprocess.run([repository / "tools/split_messages.sh"], cwd=repository, check=True)
    assert before == git(repository, "rev-parse", "refs/heads/vpr_msgs")
