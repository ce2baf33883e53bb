# SPDX-License-Identifier: Apache-2.0
"""``map -> odom`` from accepted matches, as AMCL sends it: where odometry began (REP 105)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Pose, Recognition
from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import RigidTransform
from vpr_ros.nodes.conversions import transform_to_message
from vpr_ros.nodes.slam.base import StackAdapter
from vpr_ros.nodes.slam.place_pose import place_pose
from vpr_ros.nodes.tf.tf2_library import load_tf2

# As in tf2: less is no jump but a clock that was set.
_JUMP = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)


def map_to_odom(map_T_base: Pose, odom_T_base: Pose) -> RigidTransform:
    """``map_T_odom``, from the robot's pose in both frames at one time."""
    return RigidTransform.of_pose(map_T_base) @ RigidTransform.of_pose(odom_T_base).inverse()


class MapToOdom(StackAdapter):
    """Sends nothing before the first match that counts, and from then on the last one's transform.

    A match counts if it has a pose in the map's frame and there is odometry at its image.
    """

    name = "map_to_odom"

    def __init__(
        self, node: Node, config: NodeConfig, odometry: Callable[[int], Pose | None]
    ) -> None:
        """Be ready to send.

        Args:
            node: whose /tf and clock it is.
            config: the settings.
            odometry: the robot's pose at a stamp in nanoseconds, if odometry knows it.

        Raises:
            ConfigError: tf2_ros is not installed.
        """
        super().__init__(node, config)
        self._frames, self._odometry = config.tf, odometry
        self._map_T_odom: RigidTransform | None = None
        self._source = ""
        self._sender: Any = load_tf2().TransformBroadcaster(node)
        self._entities.callback(node.destroy_publisher, self._sender.pub_tf)
        # In the time of the stamps: while that stands still, there is nothing new to say.
        timer = node.create_timer(config.tf.broadcast_period, self._send)
        self._entities.callback(node.destroy_timer, timer)
        jumps = node.get_clock().create_jump_callback(_JUMP, post_callback=self._forget)
        self._entities.callback(jumps.unregister)

    def localized(self, recognition: Recognition) -> None:
        """Send this match's transform from now on.

        Raises:
            PoseError: the match does not count; the transform so far stays.
        """
        place = place_pose(recognition, self._settings)
        odom_T_base = self._in_odom(self._odometry(place.stamp_ns))
        self._map_T_odom = map_to_odom(self._in_map(place.pose), odom_T_base)
        self._source = place.keyframe
        how = "measured" if place.measured else "not measured"
        self.sent(f"odometry is where {place.keyframe} shows the robot, {how} at the image")

    def facts(self) -> dict[str, str]:
        """The counters, and what is sent."""
        return {**super().facts(), f"{self.name} by": self._source}

    def _in_map(self, pose: Pose) -> Pose:
        if pose.frame_id != self._frames.map_frame:
            raise PoseError(
                f"the map's poses are in {pose.frame_id!r}, not in tf.map_frame "
                f"{self._frames.map_frame!r}; if it is the same, set slam.frame"
            )
        return pose

    def _in_odom(self, pose: Pose | None) -> Pose:
        if pose is None:
            raise PoseError("there is no odometry at the image's stamp")
        if pose.frame_id != self._frames.odom_frame:
            raise PoseError(
                f"odometry is in {pose.frame_id!r}, not in tf.odom_frame "
                f"{self._frames.odom_frame!r}"
            )
        return pose

    def _forget(self, jump: Any) -> None:
        """Odometry starts over where a bag or a simulation does."""
        self._map_T_odom, self._source = None, ""

    def _send(self) -> None:
        map_T_odom = self._map_T_odom
        if map_T_odom is None:
            return
        ahead = Duration(seconds=self._frames.transform_tolerance)
        message = TransformStamped(transform=transform_to_message(map_T_odom))
        message.header.stamp = (self._node.get_clock().now() + ahead).to_msg()
        message.header.frame_id = self._frames.map_frame
        message.child_frame_id = self._frames.odom_frame
        self._sender.sendTransform(message)
