# SPDX-License-Identifier: Apache-2.0
"""What tests of the running nodes share: processes, an ear, a mouth, and waiting with a limit."""

import subprocess
import sys
import time
from array import array

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from vpr_ros.demo.lifecycle_process import LifecycleProcess, NodeCommand
from vpr_ros.nodes.conversions import ns_to_stamp, stamp_to_ns
from vpr_ros.nodes.interfaces import GetMapInfo, PlaceMatch

LIMIT = 60.0  # seconds after which whatever a test waits for will not come any more
START_NS = 1_700_000_000 * 10**9
STEP_NS = 100_000_000
KEEP_ALL = QoSProfile(depth=10000)


class NodeProcess(LifecycleProcess):
    """A node's process that can be ended in every way there is."""

    def end_by(self, number):
        """Send a signal and wait; returns the exit code."""
        self._process.send_signal(number)
        return self._process.wait(LIMIT)

    def keyframes(self):
        """What its map holds; sooner told than by the diagnostics of every second."""
        return self.request(GetMapInfo, "get_map_info", GetMapInfo.Request()).keyframes


def node_process(kind, log, map_path, name=None, remappings=None, **parameters):
    """A mapper or localizer, not started yet; dots in parameter names are written as ``__``.

    By ``hog_sift`` unless told: what most tests of nodes show it are patterns, not photographs.
    """
    values = {key.replace("__", "."): value for key, value in parameters.items()}
    usual = {"map_path": str(map_path), "method": "hog_sift"}
    values = {**usual, **values}
    command = NodeCommand(f"vpr_ros.nodes.{kind}_node", name or kind, values, remappings or {})
    return NodeProcess(command, log, timeout=LIMIT)


def set_parameter(process, name, value):
    """Ask a node to change a parameter; returns the answer, with ``successful`` and ``reason``."""
    types = {str: ("STRING", "string_value"), float: ("DOUBLE", "double_value")}
    types[int] = ("INTEGER", "integer_value")
    types[bool] = ("BOOL", "bool_value")
    kind, field = types[type(value)]
    number = getattr(ParameterType, f"PARAMETER_{kind}")
    wanted = Parameter(name=name, value=ParameterValue(type=number, **{field: value}))
    answer = process.request(
        SetParameters, "set_parameters", SetParameters.Request(parameters=[wanted])
    )
    return answer.results[0]


class Observer:
    """Hears the nodes' answers and diagnostics, and publishes whatever a test wants."""

    def __init__(self):
        self.node = Node("observer", start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.matches = []
        self.statuses = []
        self.node.create_subscription(
            PlaceMatch, "/localizer/place_match", self.matches.append, KEEP_ALL
        )
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, KEEP_ALL)

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()

    def forget(self):
        """Start a new chapter."""
        self.matches.clear()
        self.statuses.clear()

    def wait_for(self, condition, what, limit=LIMIT):
        """Handle messages until the condition gives something, which is returned.

        What is waited for is told in words, or by a function that says them at the end.
        """
        end = time.monotonic() + limit
        while not (found := condition()):
            words = what() if callable(what) else what
            assert time.monotonic() < end, f"waited {limit:g} s in vain for {words}"
            self._executor.spin_once(timeout_sec=0.05)
        return found

    def spin_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)

    def wait_for_status(self, node, fits, what):
        """The first status of a node from now on that fits."""
        first = len(self.statuses)

        def find():
            return next((s for s in self.statuses[first:] if s.node == node and fits(s)), None)

        return self.wait_for(
            find, lambda: f"a status of {node}: {what}; the last: {self.statuses[-1:]}"
        )

    def match_of(self, stamp_ns):
        """The answers to one image."""
        return [m for m in self.matches if stamp_to_ns(m.header.stamp) == stamp_ns]

    def wait_for_match(self, stamp_ns):
        self.wait_for(lambda: self.match_of(stamp_ns), f"the answer to {stamp_ns}")
        return self.match_of(stamp_ns)[0]

    def publisher(self, kind, topic):
        """A publisher that is connected; destroy it with ``silence``."""
        publisher = self.node.create_publisher(kind, topic, QoSProfile(depth=100))
        self.wait_for(publisher.get_subscription_count, f"a subscriber of {topic}")
        return publisher

    def silence(self, publisher):
        self.node.destroy_publisher(publisher)

    def replay(self, bag, rate, *topics):
        """Play a bag with the real replay; returns when it ended."""
        words = [sys.executable, "-m", "vpr_ros.demo.replay.replay_node", str(bag)]
        words += ["--rate", str(rate), "--wait-for-subscribers", "30", "--topics", *topics]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
            try:
                self.wait_for(lambda: process.poll() is not None, "the end of the replay", 120.0)
            finally:
                process.kill()
            assert process.returncode == 0, process.stderr.read()

    def _hear(self, message):
        self.statuses.extend(Status(status) for status in message.status)


class Status:
    """One diagnostic status, easy to ask."""

    def __init__(self, message):
        self.node = message.name.removeprefix("vpr_ros: ")
        self.level = ord(message.level)
        self.message = message.message
        self.values = {pair.key: pair.value for pair in message.values}

    @property
    def last_error(self):
        return self.values["last error"]

    def count(self, name):
        return int(self.values[name] or 0)  # empty before the node is configured

    def __repr__(self):
        return f"{self.node} [{self.level}] {self.message} {self.values}"


def pattern(seed, height=240, width=320):
    """An image that looks like no other, full of corners: RGB uint8 [H, W, 3]."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), 127, np.uint8)
    for _ in range(150):
        corner = random.integers((0, 0), (width, height))
        far = corner + random.integers((8, 8), (width // 5, height // 4))
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.rectangle(image, tuple(map(int, corner)), tuple(map(int, far)), color, -1)
    return cv2.GaussianBlur(image, (3, 3), 0)


def raw_message(image, stamp_ns, **changes):
    """A sensor_msgs/Image, with fields replaced."""
    message = Image(height=image.shape[0], width=image.shape[1], encoding="rgb8")
    message.step = 3 * image.shape[1]
    message.data = array("B", image.tobytes())
    for name, value in changes.items():
        setattr(message, name, value)
    return stamped(message, stamp_ns)


def jpeg_message(image, stamp_ns, keep=1.0):
    """A sensor_msgs/CompressedImage, of which only the first part is kept."""
    data = cv2.imencode(".jpg", image[..., ::-1])[1].tobytes()
    data = array("B", data[: round(len(data) * keep)])
    return stamped(CompressedImage(format="jpeg", data=data), stamp_ns)


def pose_message(x, stamp_ns):
    message = PoseStamped()
    message.pose.position.x = x
    message.pose.orientation.w = 1.0
    return stamped(message, stamp_ns, "map")


def stamped(message, stamp_ns, frame="camera_front"):
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.header.frame_id = frame
    return message
