# SPDX-License-Identifier: Apache-2.0
"""What a node takes from TF and gives to it: nothing, unless the settings ask for it."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from vpr_ros.config import NodeConfig, TfConfig
from vpr_ros.datatypes import Pose, Recognition
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.slam import SlamAdapters
from vpr_ros.nodes.tf.map_to_odom import MapToOdom
from vpr_ros.nodes.tf.tf2_library import load_tf2
from vpr_ros.nodes.tf.tf_poses import TfPoses


class TfLink:
    """The listener and the broadcaster of a node, which live while it is active."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._broadcaster = SlamAdapters()
        self.poses: TfPoses | None = None

    def listen(self, config: NodeConfig) -> None:
        """Take poses from TF.

        Raises:
            ConfigError: tf2_ros is not installed.
        """
        self.poses = TfPoses(self._node, config)

    def broadcast(self, config: NodeConfig, odometry: Callable[[int], Pose | None]) -> None:
        """Send ``map -> odom`` as soon as a match tells it.

        Raises:
            ConfigError: tf2_ros is not installed.
        """
        self._broadcaster = SlamAdapters([MapToOdom(self._node, config, odometry)])

    def localized(self, recognition: Recognition) -> None:
        """Take an answer, of which only accepted ones count."""
        self._broadcaster.localized(recognition)

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        return self._broadcaster.facts()

    def stop(self) -> None:
        """Leave nothing of it in the ROS graph."""
        self._broadcaster.close()
        if self.poses is not None:
            self.poses.close()
        self.poses = None


def check_tf(config: NodeConfig) -> None:
    """See whether TF can do what the settings want, before anything is loaded.

    Raises:
        ConfigError: it cannot; the message says what to change or to install.
    """
    if config.pose_type != "tf" and not config.tf.broadcast:
        return
    _check_frames(config.tf)
    if config.tf.broadcast:
        _check_broadcast(config)
    load_tf2()


def _check_broadcast(config: NodeConfig) -> None:
    if config.mode == "map":
        raise ConfigError("tf.broadcast: mode map answers no image; use localize or slam")
    if not config.has_odometry:
        raise ConfigError(
            f"tf.broadcast needs odometry, and pose_type {config.pose_type} gives other poses or "
            "none: use odometry, or tf with tf.pose_frame odom"
        )


def _check_frames(frames: TfConfig) -> None:
    named = {
        "tf.map_frame": frames.map_frame,
        "tf.odom_frame": frames.odom_frame,
        "tf.base_frame": frames.base_frame,
    }
    for name, frame in named.items():
        if not frame or frame.startswith("/"):
            raise ConfigError(f"{name} = {frame!r}: tf2 wants a name without a slash before it")
    if len(set(named.values())) < len(named):
        raise ConfigError(f"{', '.join(named)}: three frames need three names, not {named}")
