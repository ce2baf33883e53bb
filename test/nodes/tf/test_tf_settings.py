# SPDX-License-Identifier: Apache-2.0
"""What TF cannot do is said when the node is configured, in one line that tells what to do."""

import sys

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from vpr_ros.config import LocalizerConfig, MapperConfig, with_settings
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.tf.tf_settings import check_tf

BY_TF = {"pose_type": "tf"}
SENDING = {"tf.broadcast": True}


def without_tf2(monkeypatch):
    """As on a machine that lacks it, which this one may be."""
    monkeypatch.setitem(sys.modules, "tf2_ros", None)


@pytest.mark.parametrize("values", [BY_TF, SENDING])
def test_without_tf2_one_line_says_what_to_install(monkeypatch, values):
    without_tf2(monkeypatch)
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    with pytest.raises(ConfigError, match="need tf2_ros, which is missing") as refusal:
        check_tf(with_settings(LocalizerConfig(), values))
    assert str(refusal.value).endswith("sudo apt install ros-jazzy-tf2-ros-py")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("config", [LocalizerConfig(), MapperConfig()])
def test_who_does_not_ask_for_tf_needs_no_tf2(monkeypatch, config):
    without_tf2(monkeypatch)
    check_tf(with_settings(config, {"tf.map_frame": "/map"}))  # nor names that fit


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({**BY_TF, "tf.odom_frame": "/odom"}, "tf.odom_frame = '/odom': tf2 wants a name without"),
        ({**SENDING, "tf.map_frame": ""}, "tf.map_frame = '': tf2 wants a name"),
        ({**BY_TF, "tf.base_frame": "odom"}, "three frames need three names"),
        ({**SENDING, "mode": "map"}, "mode map answers no image"),
        ({**SENDING, "pose_type": "pose"}, "needs odometry, and pose_type pose gives other poses"),
        ({**SENDING, "pose_type": "none"}, "needs odometry, and pose_type none"),
        ({**SENDING, **BY_TF, "tf.pose_frame": "map"}, "needs odometry, and pose_type tf gives"),
    ],
)
def test_what_cannot_work_is_refused_by_name(values, reason):
    with pytest.raises(ConfigError, match=reason):
        check_tf(with_settings(LocalizerConfig(), values))


@pytest.mark.parametrize("values", [BY_TF, SENDING, {**BY_TF, **SENDING, "mode": "slam"}])
def test_what_can_work_is_not_refused(values):
    pytest.importorskip("tf2_ros", reason="TF needs ros-$ROS_DISTRO-tf2-ros-py")
    check_tf(with_settings(LocalizerConfig(), values))
