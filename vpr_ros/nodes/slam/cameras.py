# SPDX-License-Identifier: Apache-2.0
"""Where the cameras sit on the robot, as /tf_static tells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rclpy.qos import QoSDurabilityPolicy, QoSProfile

from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import RigidTransform, below_shared
from vpr_ros.nodes.slam.base import StackAdapter, interface
from vpr_ros.nodes.slam.relative_pose import rigid_transform


class CameraMounts:
    """The fixed transforms of the robot. A camera on a moving joint has none: it is not guessed."""

    def __init__(self, base_frame: str) -> None:
        """Know nothing yet.

        Raises:
            ConfigError: tf2_msgs is not installed.
        """
        self._message = interface(
            "tf2_msgs", "msg", "TFMessage", "sudo apt install ros-$ROS_DISTRO-tf2-msgs"
        )
        self._base_frame = base_frame
        self._parents: dict[str, str] = {}
        self._parent_T: dict[str, RigidTransform] = {}  # by child

    def listen(self, adapter: StackAdapter) -> None:
        """Learn for as long as the adapter is."""
        latched = QoSProfile(depth=100, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        adapter.subscribe(self._message, "/tf_static", self._take, latched)

    def base_T_camera(self, camera_frame: str) -> RigidTransform | None:
        """Where a camera sits, None as long as no chain of fixed transforms tells."""
        sides = below_shared(self._base_frame, camera_frame, self._parents)
        if sides is None:
            return None
        base, camera = (self._product(side) for side in sides)
        return base.inverse() @ camera

    def _product(self, side: Iterable[str]) -> RigidTransform:
        """``above_T_frame`` of frames that each hang on the next."""
        product = RigidTransform.identity()
        for frame in side:
            product = self._parent_T[frame] @ product
        return product

    def _take(self, message: Any) -> None:
        for each in message.transforms:
            try:
                transform = rigid_transform(each.transform)
            except PoseError:
                continue  # as tf2 does: it is not known, and what needs it says so
            self._parents[each.child_frame_id] = each.header.frame_id
            self._parent_T[each.child_frame_id] = transform
