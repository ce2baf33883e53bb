# SPDX-License-Identifier: Apache-2.0
"""A node process that cannot start is explained by its own last words."""

import os
import signal

import pytest

rclpy = pytest.importorskip("rclpy", reason="nodes need ROS 2")

from vpr_ros.demo import lifecycle_process  # noqa: E402
from vpr_ros.demo.lifecycle_process import (  # noqa: E402
    LifecycleProcess,
    NodeCommand,
    NodeProcessError,
)


@pytest.fixture
def ros():
    rclpy.init()
    yield
    rclpy.try_shutdown()


def test_a_dead_process_is_noticed_and_quoted(ros, tmp_path):
    command = NodeCommand("vpr_ros.nodes.not_there", "ghost")
    log = tmp_path / "logs" / "ghost.log"
    with LifecycleProcess(command, log, timeout=20.0) as ghost:
        with pytest.raises(NodeProcessError, match="No module named") as caught:
            ghost.configure()
        assert str(log) in str(caught.value)


def test_a_silent_process_is_killed(ros, tmp_path, monkeypatch):
    # Lives, but serves no lifecycle, and does not end when asked politely.
    (tmp_path / "mute.py").write_text(
        "import signal, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(lifecycle_process, "_PATIENCE", ((signal.SIGINT, 0.2),))
    command = NodeCommand("mute", "mute")
    with LifecycleProcess(command, tmp_path / "mute.log", timeout=1.0) as mute:
        with pytest.raises(NodeProcessError, match=r"mute did not tell its state within 1 s"):
            mute.state()
        pid = mute.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_words():
    parameters = {"map_path": "it's 1", "decision.candidates": 3, "rate": 2.0, "flag": True}
    words = NodeCommand("a.b", "n", parameters, {"image": "/c/image"}).words()
    assert words[2:4] == ["-m", "a.b"]
    assert 'map_path:="it\'s 1"' in words
    assert {"decision.candidates:=3", "rate:=2.0", "flag:=true", "image:=/c/image"} <= set(words)
    assert "__node:=n" in words
