# SPDX-License-Identifier: Apache-2.0
"""Where the cameras sit on the robot, as /tf_static tells."""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.qos import QoSDurabilityPolicy, QoSProfile

from vpr_ros.nodes.slam.base import StackAdapter, interface
from vpr_ros.nodes.slam.relative_pose import rigid_transform
from vpr_ros.poses import PoseError
from vpr_ros.transforms import RigidTransform


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
        self._parents: dict[str, tuple[str, RigidTransform]] = {}

    def listen(self, adapter: StackAdapter) -> None:
        """Learn for as long as the adapter is."""
        latched = QoSProfile(depth=100, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        adapter.subscribe(self._message, "/tf_static", self._take, latched)

    def base_T_camera(self, camera_frame: str) -> RigidTransform | None:
        """Where a camera sits, None as long as no chain of fixed transforms tells."""
        base, camera = self._to_root(self._base_frame), self._to_root(camera_frame)
        common = next((frame for frame in camera if frame in base), None)
        return None if common is None else base[common].inverse() @ camera[common]

    def _to_root(self, frame: str) -> dict[str, RigidTransform]:
        """Every frame above one, in ascending order, as ``above_T_frame``."""
        above = {frame: RigidTransform(np.eye(3), np.zeros(3))}
        while frame in self._parents and self._parents[frame][0] not in above:
            parent, parent_T_frame = self._parents[frame]
            above[parent] = parent_T_frame @ above[frame]
            frame = parent
        return above

    def _take(self, message: Any) -> None:
        for each in message.transforms:
            try:
                transform = rigid_transform(each.transform)
            except PoseError:
                continue  # as tf2 does: it is not known, and what needs it says so
            self._parents[each.child_frame_id] = (each.header.frame_id, transform)
