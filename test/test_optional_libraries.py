# SPDX-License-Identifier: Apache-2.0
"""What a robot need not install: everything starts without, and says what to do when it is used."""

import subprocess
import sys

import pytest

BLOCKED = """
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {libraries!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
OPTIONAL = ("rosbags", "threadpoolctl", "faiss")


def without_them(program):
    """Exit code, output and errors of a program that finds the libraries missing."""
    command = [sys.executable, "-c", BLOCKED.format(libraries=OPTIONAL) + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def vpr(*words):
    """A program that is the command line."""
    return f"sys.argv = {['vpr', *words]!r}\nrunpy.run_module('vpr_ros', run_name='__main__')"


@pytest.mark.parametrize("verb", ["", "map", "localize"])
def test_the_command_line_starts(verb):
    code, output, errors = without_them(vpr(*filter(None, [verb, "--help"])))
    assert code == 0, errors
    assert output.startswith("usage: ")


@pytest.mark.parametrize("node", ["nodes.mapper_node", "nodes.localizer_node"])
def test_every_node_starts(node):
    pytest.importorskip("rclpy", reason="nodes need ROS 2")
    code, _, errors = without_them(f"import vpr_ros.{node}")
    assert code == 0, errors


def test_where_bags_are_read_the_remedy_is_named(tmp_path):
    (tmp_path / "metadata.yaml").touch()
    program = vpr("map", str(tmp_path), "-o", str(tmp_path / "a.vprmap"), "--method", "hog_sift")
    code, _, errors = without_them(program)
    assert code == 2
    assert errors.count("\n") == 1
    assert "pip install rosbags" in errors


def test_where_a_bag_is_replayed_the_remedy_is_named(tmp_path):
    pytest.importorskip("rclpy", reason="the replay needs ROS 2")
    module = "vpr_ros.demo.replay.replay_node"
    program = f"import {module}\nsys.exit({module}.main([{str(tmp_path)!r}]))"
    code, _, errors = without_them(program)
    assert code == 2
    assert "pip install rosbags" in errors
