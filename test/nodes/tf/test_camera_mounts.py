# SPDX-License-Identifier: Apache-2.0
"""Cameras sit where the settings say, or else where /tf_static tells."""

import sys
import time

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from tf_harness import transform

from vpr_ros.errors import ConfigError
from vpr_ros.nodes.tf.camera_mounts import CameraMounts
from vpr_ros.route.mounts import parse_mount

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


class Bench:
    """A node that knows its cameras, and a robot's description that tells where they are."""

    def __init__(self):
        self.node = Node("places")
        self._other = Node("robot_state_publisher", start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._executor.add_node(self._other)
        self.mounts = CameraMounts(self.node, "base_link")
        self.warnings = []
        logger = self.node.get_logger()
        logger.warning = lambda text, **_: self.warnings.append(text)
        self.node.get_logger = lambda: logger

    def tell(self, *transforms):
        from tf2_msgs.msg import TFMessage

        publisher = self._other.create_publisher(TFMessage, "/tf_static", LATCHED)
        publisher.publish(TFMessage(transforms=list(transforms)))

    def tell_of_the_camera(self):
        """0.5 m ahead and 1 m up, looking ahead."""
        link = transform("base_link", "camera_link", 0, x=0.5)
        link.transform.translation.z = 1.0
        optical = transform("camera_link", "camera_optical", 0)
        q = optical.transform.rotation
        q.x, q.y, q.z, q.w = -0.5, 0.5, -0.5, 0.5
        self.tell(link, optical)
        self.wait_for("camera_optical")

    def wait_for(self, frame):
        end = time.monotonic() + 20.0
        while self.mounts.base_T_camera(frame) is None:
            assert time.monotonic() < end, f"waited in vain for {frame}"
            self._executor.spin_once(timeout_sec=0.02)

    def close(self):
        self.mounts.close()
        self._executor.shutdown()
        self.node.destroy_node()
        self._other.destroy_node()


@pytest.fixture
def bench(ros, stack_messages):
    bench = Bench()
    yield bench
    bench.close()


def test_nothing_is_known_before_it_is_told(bench):
    assert bench.mounts.mount("camera_optical") is None
    configured = parse_mount("0 0 1 0 0 0")
    assert bench.mounts.mount("camera_optical", configured) is configured


def test_the_chain_of_fixed_frames_is_the_mount(bench):
    bench.tell_of_the_camera()
    mount, written = bench.mounts.mount("camera_optical"), parse_mount("0.5 0 1 0 0 0")
    assert mount.position == pytest.approx(written.position)
    assert mount.orientation == pytest.approx(written.orientation)
    assert bench.mounts.mount("camera_optical") is mount  # it is not multiplied up again


def test_numbers_that_agree_are_taken_without_a_word(bench):
    bench.tell_of_the_camera()
    configured = parse_mount("0.52 0 1.03 0 0 0.03")
    assert bench.mounts.mount("camera_optical", configured) is configured
    assert bench.warnings == []


@pytest.mark.parametrize(("text", "words"), [
    ("0.5 0 1.06 0 0 0", "is 0.06 m and 0.00 rad from where /tf_static has it on base_link"),
    ("0.5 0 1 0 0.06 0", "is 0.00 m and 0.06 rad from where"),
])  # fmt: skip
def test_numbers_that_do_not_agree_count_and_are_warned_of_once(bench, text, words):
    bench.tell_of_the_camera()
    configured = parse_mount(text)
    for _ in range(3):
        assert bench.mounts.mount("camera_optical", configured) is configured
    (warning,) = bench.warnings
    assert words in warning


def test_a_description_that_changes_is_followed(bench):
    bench.tell_of_the_camera()
    assert bench.mounts.mount("camera_optical").position[0] == pytest.approx(0.5)
    bench.tell(transform("base_link", "camera_link", 0, x=0.7), transform("a", "b", 0))
    bench.wait_for("camera_optical")
    end = time.monotonic() + 20.0
    while bench.mounts.mount("camera_optical").position[0] != pytest.approx(0.7):
        assert time.monotonic() < end
        bench._executor.spin_once(timeout_sec=0.02)


def test_the_base_is_no_camera(bench):
    bench.tell_of_the_camera()
    assert bench.mounts.mount("base_link") is None


def test_a_transform_that_cannot_be_is_left_out(bench):
    broken = transform("base_link", "camera_optical", 0)
    broken.transform.rotation.w = 0.0
    bench.tell(broken, transform("base_link", "other", 0))
    bench.wait_for("other")
    assert bench.mounts.mount("camera_optical") is None


def test_without_tf2_msgs_the_settings_are_all_that_is_known(ros, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2_msgs", None)
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    node = Node("places")
    mounts = CameraMounts(node, "base_link")
    assert mounts.mount("camera_optical") is None
    with pytest.raises(ConfigError, match=r"tf2_msgs/msg/TFMessage is missing.*apt install"):
        mounts.require()
    mounts.close()
    node.destroy_node()


def test_nothing_is_left_behind(bench):
    before = len(list(bench.node.subscriptions))
    mounts = CameraMounts(bench.node, "base_link")
    assert len(list(bench.node.subscriptions)) == before + 1
    mounts.close()
    mounts.close()
    assert len(list(bench.node.subscriptions)) == before
