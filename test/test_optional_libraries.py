# SPDX-License-Identifier: Apache-2.0
"""What package.xml calls optional is: without any of it, vpr works and the nodes import."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Runs a program in an interpreter that finds none of the optional libraries.
WITHOUT = """
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in OPTIONAL:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

OPTIONAL = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Missing())
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
IMPORT_NODES = """
import importlib, pkgutil
import vpr_ros.nodes

for module in pkgutil.walk_packages(vpr_ros.nodes.__path__, "vpr_ros.nodes."):
    if not module.name.endswith(("launching", ".__main__")):
        importlib.import_module(module.name)
"""


def optional():
    """The libraries that package.xml calls optional."""
    lines = (ROOT / "package.xml").read_text(encoding="utf-8").splitlines()
    listed = [line.partition("optional:")[2] for line in lines if "optional:" in line]
    return " ".join(listed).replace("-->", "").split()


def run(module, *words):
    command = [sys.executable, "-c", WITHOUT, ",".join(optional()), module, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def assert_done(done):
    assert done.returncode == 0, done.stderr


@pytest.fixture
def drive(tmp_path, scene):
    """A folder of six images."""
    cv2 = pytest.importorskip("cv2")
    folder = tmp_path / "drive"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), scene(number))
    return folder


def test_the_libraries_are_missing():
    done = run("faiss")
    assert done.returncode == 1
    assert "No module named 'faiss'" in done.stderr


def test_help():
    assert_done(run("vpr_ros", "--help"))


def test_mapping_and_localizing(drive, tmp_path):
    place_map = tmp_path / "route.vprmap"
    assert_done(run("vpr_ros", "map", drive, "-o", place_map, "--method", "hog_sift"))
    assert_done(run("vpr_ros", "localize", drive, "--map", place_map, "--method", "hog_sift"))


def test_a_bag_names_the_remedy(tmp_path):
    bag = tmp_path / "drive"
    bag.mkdir()
    (bag / "metadata.yaml").touch()
    done = run("vpr_ros", "map", bag, "-o", tmp_path / "route.vprmap", "--method", "hog_sift")
    assert done.returncode == 2
    assert "pip install rosbags" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not find_spec("rclpy"), reason="the replay needs ROS 2")
def test_where_a_bag_is_replayed_the_remedy_is_named(tmp_path):
    done = run("vpr_ros.demo.replay.replay_node", tmp_path)
    assert done.returncode == 2
    assert "pip install rosbags" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_network_names_the_remedy(drive, tmp_path):
    done = run("vpr_ros", "map", drive, "-o", tmp_path / "route.vprmap")
    assert done.returncode == 2
    assert "pip install onnxruntime" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not (find_spec("rclpy") and find_spec("vpr_msgs")), reason="imports nodes")
def test_every_node_can_be_imported(tmp_path):
    (tmp_path / "import_nodes.py").write_text(IMPORT_NODES, encoding="utf-8")
    command = [sys.executable, "-c", WITHOUT, ",".join(optional()), "import_nodes"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert_done(done)
