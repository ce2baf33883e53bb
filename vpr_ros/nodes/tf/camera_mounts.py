# SPDX-License-Identifier: Apache-2.0
"""Where the cameras sit on the robot, as /tf_static and the settings tell."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile

from vpr_ros.datatypes import Pose
from vpr_ros.errors import ConfigError
from vpr_ros.geometry.poses import PoseError, angle, distance
from vpr_ros.geometry.transforms import FixedFrames, RigidTransform, as_mount
from vpr_ros.nodes.conversions import transform_from_message
from vpr_ros.nodes.interfaces import interface

_REMEDY = "sudo apt install ros-$ROS_DISTRO-tf2-msgs"

# What a drawing and a calibration of one robot may differ by.
_NEAR, _ALIGNED = 0.05, 0.05  # meters, radians


class CameraMounts:
    """The fixed transforms of the robot, one for all who ask in a node.

    A camera on a moving joint has no mount: it is not guessed.
    """

    def __init__(self, node: Node, base_frame: str) -> None:
        """Listen to /tf_static, if its messages are installed."""
        self._node = node
        self._base_frame = base_frame
        self._frames = FixedFrames()
        self._mounts: dict[str, Pose] = {}  # by frame of the camera, as far as they were asked for
        self._compared: set[tuple[str, Pose]] = set()
        self._subscription: Any = None
        try:
            message = self.require()
        except ConfigError as error:
            node.get_logger().info(f"no mounts of cameras from /tf_static: {error}")
            return
        latched = QoSProfile(depth=100, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        self._subscription = node.create_subscription(message, "/tf_static", self._take, latched)

    def require(self) -> Any:
        """The type of the messages on /tf_static.

        Raises:
            ConfigError: tf2_msgs is not installed.
        """
        return interface("tf2_msgs", "msg", "TFMessage", _REMEDY)

    def base_T_camera(self, camera_frame: str) -> RigidTransform | None:
        """Where a camera sits, None as long as no chain of fixed transforms tells.

        Nor is it known of a camera whose images name the robot's base as their frame.
        """
        return self._frames.camera_on(self._base_frame, camera_frame)

    def mount(self, camera_frame: str, configured: Pose | None = None) -> Pose | None:
        """Where a camera sits: as the settings say, or else as /tf_static tells.

        Args:
            camera_frame: the frame that the camera's images name.
            configured: ``base_T_optical`` by the settings. If /tf_static tells another place, this
                is said once.
        """
        mount = self._mount(camera_frame)
        if configured is None:
            return mount
        if mount is not None and (camera_frame, configured) not in self._compared:
            self._compared.add((camera_frame, configured))
            self._compare(camera_frame, configured, mount)
        return configured

    def close(self) -> None:
        """Stop listening."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = None

    def _mount(self, camera_frame: str) -> Pose | None:
        if camera_frame not in self._mounts:
            base_T_camera = self.base_T_camera(camera_frame)
            if base_T_camera is None:
                return None
            self._mounts[camera_frame] = as_mount(base_T_camera)
        return self._mounts[camera_frame]

    def _compare(self, camera_frame: str, configured: Pose, mount: Pose) -> None:
        meters, radians = distance(configured, mount), angle(configured, mount)
        if meters > _NEAR or radians > _ALIGNED:
            self._node.get_logger().warning(
                f"cameras: the mount of {camera_frame} is {meters:.2f} m and {radians:.2f} rad "
                f"from where /tf_static has it on {self._base_frame}; the setting counts"
            )

    def _take(self, message: Any) -> None:
        for stamped in message.transforms:
            try:
                transform = transform_from_message(stamped.transform)
            except PoseError:
                continue  # as tf2 does: it is not known, and what needs it says so
            self._frames.add(stamped.header.frame_id, stamped.child_frame_id, transform)
        self._mounts.clear()
