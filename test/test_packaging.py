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
import yaml

pytest.importorskip("catkin_pkg", reason="python3-catkin-pkg is not installed")
from catkin_pkg.changelog import (
    Changelog,
    get_changelog_from_path,
    populate_changelog_from_rst,
)
from catkin_pkg.package import parse_package
from catkin_pkg.package_version import get_forthcoming_label, rename_section

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
    assert {manifest.version, msgs_manifest.version} == {setup_arguments["version"]}


@pytest.mark.parametrize("folder", [".", "vpr_msgs"])
def test_changelogs_are_fit_for_bloom(folder, manifest):
    """New work stands under Forthcoming, which catkin_prepare_release turns into a version."""
    text = get_changelog_from_path(str(ROOT / folder / "CHANGELOG.rst")).rst
    label = get_forthcoming_label(text)
    if label is not None:
        text = rename_section(text, label, f"{manifest.version} (2030-01-31)")
    changelog = populate_changelog_from_rst(Changelog(manifest.name), text)
    newest, _, notes = next(iter(changelog.foreach_version()))
    assert newest == manifest.version
    assert notes


def test_urls_agree(manifest, msgs_manifest):
    """One repository, in every place that names it."""
    home = "https://github.com/vpr-ros/vpr_ros"
    for package in (manifest, msgs_manifest):
        urls = {url.type: url.url for url in package.urls}
        assert urls == {"repository": home, "bugtracker": f"{home}/issues"}
        assert package.authors
    repositories = yaml.safe_load((ROOT / "vpr_ros.repos").read_text("utf-8"))["repositories"]
    assert {name: entry["version"] for name, entry in repositories.items()} == {
        "vpr_ros": "main",
        "vpr_msgs": "vpr_msgs",
    }
    assert {entry["url"] for entry in repositories.values()} == {f"{home}.git"}
    assert f"git clone {home}" in (ROOT / "README.md").read_text("utf-8")


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


# Modules whose rosdep key or ROS package is called otherwise; all others are called as they are.
KEYS = {
    "PIL": "python3-pil",
    "cv2": "python3-opencv",
    "numpy": "python3-numpy",
    "jinja2": "python3-jinja2",
    "matplotlib": "python3-matplotlib",
    "scipy": "python3-scipy",
    "tf2_ros": "tf2_ros_py",
    "tqdm": "python3-tqdm",
    "yaml": "python3-yaml",
}
BY_NAME = {"tf2_msgs"}  # the types of recorded topics are imported by the names in the bag


def imported(path):
    """The libraries that a file imports anywhere, also by import_module."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.append(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            modules += [word.value for word in node.args if isinstance(word, ast.Constant)]
    return {module.partition(".")[0] for module in modules} - {"vpr_ros", *sys.stdlib_module_names}


@pytest.fixture(scope="module")
def libraries():
    folders = ("vpr_ros", "launch", "scripts")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return set().union(*(imported(path) for path in sources))


@pytest.fixture
def optional():
    """The libraries that package.xml calls optional."""
    lines = (ROOT / "package.xml").read_text(encoding="utf-8").splitlines()
    listed = [line.partition("optional:")[2] for line in lines if "optional:" in line]
    return set(" ".join(listed).replace("-->", "").split())


def test_every_library_in_use_is_declared(libraries, optional, manifest):
    """By package.xml, or by its comment where it is optional."""
    declared = {dependency.name for dependency in manifest.exec_depends}
    assert {KEYS.get(name, name) for name in libraries - optional} <= declared
    assert not declared & {KEYS.get(name, name) for name in optional}, "said twice"


def test_every_declared_library_is_in_use(libraries, optional, manifest):
    declared = {dependency.name for dependency in manifest.exec_depends}
    assert declared <= {KEYS.get(name, name) for name in libraries} | BY_NAME
    assert optional <= libraries


def test_wheels_bring_what_apt_brings(manifest):
    """Where ROS comes as wheels, base.txt and evaluation.txt stand in for package.xml."""
    names = {"opencv-python-headless": "opencv", "pillow": "pil", "pyyaml": "yaml"}
    listed = set()
    for name in ("base", "evaluation"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        listed |= set(re.findall(r"^[a-z][a-z0-9-]*", text, re.MULTILINE))
    keys = {dependency.name for dependency in manifest.exec_depends}
    assert {f"python3-{names.get(name, name)}" for name in listed} == {
        key for key in keys if key.startswith("python3-")
    }


def test_an_import_is_seen_wherever_it_stands(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import os, numpy.linalg\n"
        "from std_srvs.srv import Trigger\n"
        "from vpr_ros import errors\n"
        "from . import sibling\n"
        "def late():\n"
        "    from rcl_interfaces.msg import Log\n"
        "    import importlib\n"
        "    importlib.import_module('faiss')\n",
        encoding="utf-8",
    )
    assert imported(path) == {"numpy", "std_srvs", "rcl_interfaces", "faiss"}


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


def test_every_source_names_its_license():
    suffixes = {".py", ".sh", ".msg", ".srv", ".cfg", ".toml", ".yaml", ".yml", ".xml", ".txt"}
    suffixes |= {".md", ".repos"}
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
        ('<license file="LICENSE">Apache-2.0</license>', ""),
    ]:
        assert old in text
        broken.write_text(text.replace(old, new), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, program, str(broken)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, f"{old} -> {new} was not noticed"
        assert str(broken) in done.stdout
