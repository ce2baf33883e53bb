# SPDX-License-Identifier: Apache-2.0
"""The files that describe the package agree with each other and with the tree."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

pytest.importorskip("catkin_pkg", reason="python3-catkin-pkg is not installed")
from catkin_pkg.changelog import get_changelog_from_path
from catkin_pkg.package import parse_package

ROOT = Path(__file__).parents[1]


@pytest.fixture
def setup_arguments(monkeypatch):
    """What setup.py passes to setuptools."""
    monkeypatch.chdir(ROOT)
    with mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(ROOT / "setup.py"))
    return setup.call_args.kwargs


@pytest.fixture
def manifest():
    return parse_package(str(ROOT / "package.xml"))


@pytest.fixture
def msgs_manifest():
    return parse_package(str(ROOT / "vpr_msgs" / "package.xml"))


def test_versions_agree(setup_arguments, manifest, msgs_manifest):
    changelog = get_changelog_from_path(str(ROOT / "CHANGELOG.rst"))
    newest = next(version for version, _, _ in changelog.foreach_version())
    assert {manifest.version, msgs_manifest.version, newest} == {setup_arguments["version"]}


def test_descriptions_agree(setup_arguments, manifest, msgs_manifest):
    for package in (manifest, msgs_manifest):
        assert [license.strip() for license in package.licenses] == [setup_arguments["license"]]
        assert [person.email for person in package.maintainers] == [
            setup_arguments["maintainer_email"]
        ]
    assert manifest.name == setup_arguments["name"] == "vpr_ros"


def test_every_console_script_has_its_function(setup_arguments):
    scripts = setup_arguments["entry_points"]["console_scripts"]
    assert {script.split(" = ")[0] for script in scripts} == {
        "mapper",
        "localizer",
        "replay",
        "demo",
        "vpr",
    }
    missing = []
    for script in scripts:
        module, _, function = script.split(" = ")[1].partition(":")
        path = ROOT / f"{module.replace('.', '/')}.py"
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
        if function not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
            missing.append(script)
    assert missing == []


def test_every_launch_config_rviz_and_script_file_is_installed(setup_arguments):
    installed = {path for _, paths in setup_arguments["data_files"] for path in paths}
    present = {
        path.relative_to(ROOT).as_posix()
        for folder in ("launch", "config", "rviz", "scripts")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert present <= installed
    assert {"package.xml", "resource/vpr_ros"} <= installed
    assert (ROOT / "resource" / "vpr_ros").is_file()


def test_only_this_package_is_packed(setup_arguments):
    packages = setup_arguments["packages"]
    assert "vpr_ros" in packages
    assert all(name.split(".")[0] == "vpr_ros" for name in packages)
    folders = {path.parent for path in (ROOT / "vpr_ros").rglob("*.py")}
    assert {folder.relative_to(ROOT).as_posix().replace("/", ".") for folder in folders} == set(
        packages
    ), "a folder lacks its __init__.py"


def test_every_ros_package_in_use_is_declared(manifest):
    declared = {dependency.name for dependency in manifest.exec_depends}
    pattern = re.compile(
        r"^\s*(?:from|import) "
        r"(\w+_msgs|builtin_interfaces|std_srvs|rclpy|cv_bridge|launch|launch_ros)\b",
        re.MULTILINE,
    )
    sources = [*(ROOT / "vpr_ros").rglob("*.py"), *(ROOT / "launch").glob("*.py")]
    used = {name for path in sources for name in pattern.findall(path.read_text(encoding="utf-8"))}
    assert used <= declared | {"rcl_interfaces"}  # rclpy brings rcl_interfaces


def test_every_interface_is_generated():
    cmake = (ROOT / "vpr_msgs" / "CMakeLists.txt").read_text(encoding="utf-8")
    listed = set(re.findall(r'"((?:msg|srv)/\w+\.\w+)"', cmake))
    folder = ROOT / "vpr_msgs"
    assert listed == {
        path.relative_to(folder).as_posix() for path in folder.glob("[ms][sr][gv]/*.*")
    }


def test_every_field_of_the_interfaces_is_explained():
    for path in (ROOT / "vpr_msgs").glob("[ms][sr][gv]/*.*"):
        explained = False  # a comment explains the fields below it, up to the next empty line
        for line in path.read_text(encoding="utf-8").splitlines():
            explained = line.startswith("#") or (explained and bool(line.strip()))
            assert explained or line.strip() in {"", "---"}, f"{path.name}: {line}"


def test_every_source_names_its_licence():
    suffixes = {".py", ".sh", ".msg", ".srv", ".cfg", ".toml", ".yaml", ".yml", ".xml", ".txt"}
    folders = (
        "vpr_ros",
        "vpr_msgs",
        "test",
        "tools",
        "launch",
        "config",
        "requirements",
        "scripts",
        ".github",
    )
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    files += [*ROOT.glob("*"), ROOT / ".ci" / "run", ROOT / "Makefile"]
    unmarked = [
        str(path.relative_to(ROOT))
        for path in files
        if path.is_file()
        and (path.suffix in suffixes or path.name in {"run", "Makefile"})
        and "data" not in path.relative_to(ROOT).parts
        and "SPDX-License-Identifier: Apache-2.0" not in path.read_text(encoding="utf-8")[:200]
    ]
    assert unmarked == []


def test_package_xml_check_can_fail(tmp_path):
    pytest.importorskip("catkin_pkg")
    broken = tmp_path / "package.xml"
    text = (ROOT / "package.xml").read_text(encoding="utf-8")
    program = str(ROOT / "tools" / "check_package_xml.py")
    for old, new in [
        ("</package>", ""),
        ('format="3"', 'format="2"'),
        ("<version>0.1.0</version>", ""),
        ('email="maintainers@vpr-ros.org"', ""),
        ("<exec_depend>rclpy</exec_depend>", "<run_depends>rclpy</run_depends>"),
        ("<license>Apache-2.0</license>", ""),
    ]:
        assert old in text
        broken.write_text(text.replace(old, new), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, program, str(broken)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, f"{old} -> {new} was not noticed"
        assert str(broken) in done.stdout
