# SPDX-License-Identifier: Apache-2.0
"""What a node takes from TF: nothing, unless the settings ask for it."""

from __future__ import annotations

from rclpy.node import Node

from vpr_ros.config import NodeConfig, TfConfig
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.tf2_library import load_tf2
from vpr_ros.nodes.tf_poses import TfPoses


class TfLink:
    """The listener of a node, which lives while it is active."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.poses: TfPoses | None = None

    def listen(self, config: NodeConfig) -> None:
        """Take poses from TF.

        Raises:
            ConfigError: tf2_ros is not installed.
        """
        self.poses = TfPoses(self._node, config)

    def stop(self) -> None:
        """Leave nothing of it in the ROS graph."""
        if self.poses is not None:
            self.poses.close()
        self.poses = None


def check_tf(config: NodeConfig) -> None:
    """See whether TF can do what the settings want, before anything is loaded.

    Raises:
        ConfigError: it cannot; the message says what to change or to install.
    """
    if config.pose_type == "tf":
        _check_frames(config.tf)
        load_tf2()


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
