# SPDX-License-Identifier: Apache-2.0
"""A node's process: what a signal may and may not interrupt."""

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("ros")

SLOW_NODE = """
import os, signal, sys, time
from rclpy.node import Node
from std_msgs.msg import String
from vpr_ros.errors import VprError
from vpr_ros.nodes.runner import run

class SlowNode(Node):
    def __init__(self):
        super().__init__("slow")
        self.publisher = self.create_publisher(String, "words", 10)
        self.create_timer(0.01, self.work)

    def work(self):
        os.kill(os.getpid(), NUMBER)
        time.sleep(0.3)
        self.publisher.publish(String(data="the answer"))
        print("published", flush=True)

    def close(self):
        self.publisher.publish(String(data="the last word"))
        print("closed", flush=True)

class BuildingNode(Node):
    # Builds an engine, and asks now and then whether anybody still wants it.
    def __init__(self):
        super().__init__("building")
        self.create_timer(0.01, self.work)

    def work(self):
        os.kill(os.getpid(), NUMBER)
        for _ in range(500):
            if self.ending.is_set():
                print("given up", flush=True)
                return
            time.sleep(0.01)

    def close(self):
        print("closed", flush=True)

class RefusingNode:
    def __init__(self):
        raise VprError("no such map")

sys.exit(run(KIND))
"""


def run_node(kind, number=signal.SIGTERM):
    code = SLOW_NODE.replace("NUMBER", str(int(number))).replace("KIND", kind)
    words = [sys.executable, "-c", code]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_callback_at_work(number):
    done = run_node("SlowNode", number)
    assert (done.returncode, done.stdout) == (0, "published\nclosed\n"), done.stderr
    assert "Traceback" not in done.stderr


def test_what_takes_long_hears_of_a_signal():
    done = run_node("BuildingNode")
    assert (done.returncode, done.stdout) == (0, "given up\nclosed\n"), done.stderr


def test_a_refusal_is_one_line():
    done = run_node("RefusingNode")
    assert (done.returncode, done.stderr) == (2, "vpr_ros: error: no such map\n")
