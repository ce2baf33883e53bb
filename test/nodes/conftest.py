# SPDX-License-Identifier: Apache-2.0
"""Lets the tests of this folder import ``node_harness``, and gives them ROS and a short drive."""

import os
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def ros():
    """rclpy in this process, on a domain that no other run or robot shares."""
    rclpy = pytest.importorskip("rclpy", reason="the nodes need ROS 2")
    from rclpy.signals import SignalHandlerOptions

    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("ROS_DISTRO") == "humble":
            patch.setenv("ROS_LOCALHOST_ONLY", "1")
        else:
            patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        yield rclpy
        rclpy.try_shutdown()


@pytest.fixture(scope="session")
def stack_messages():
    """The stacks' own message packages, built if this machine lacks them."""
    pytest.importorskip("rclpy", reason="the adapters need ROS 2")
    import stack_interfaces

    stack_interfaces.make_importable()


@pytest.fixture
def observer(ros):
    from node_harness import Observer

    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture
def waits(monkeypatch):
    """Every wait for another thread; ``waits.meanwhile`` are deeds that each end one at once."""
    return Waits(monkeypatch, threading.Condition.wait)


class Waits(list):
    """The seconds that each wait might have taken."""

    def __init__(self, monkeypatch, really):
        super().__init__()
        self.meanwhile = []
        monkeypatch.setattr(
            threading.Condition, "wait", lambda *arguments: self._wait(really, *arguments)
        )

    def _wait(self, really, condition, timeout=None):
        self.append(timeout)
        if not self.meanwhile:
            return really(condition, timeout)
        self.meanwhile.pop(0)()
        return True
