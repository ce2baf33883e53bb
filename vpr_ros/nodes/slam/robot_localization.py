# SPDX-License-Identifier: Apache-2.0
"""robot_localization: poses for one of its ``poseN`` inputs.

    pose0: /localizer/pose
    pose0_config: [true, true, false, false, false, true, ...]   # x, y, yaw
    pose0_rejection_threshold: 3.0

Not ``set_pose``, which would reset the filter.
"""

from __future__ import annotations

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import KeyframeKey, Recognition
from vpr_ros.nodes.slam.base import StackAdapter
from vpr_ros.nodes.slam.place_pose import place_pose


class RobotLocalization(StackAdapter):
    """Every measured pose; of places, one pose for each keyframe that is come to.

    A filter takes its measurements for independent. Sent with every image, one keyframe's pose
    would soon count as exact, and hold the estimate to the place where the map was recorded.
    """

    name = "robot_localization"

    def __init__(self, node: Node, config: NodeConfig) -> None:
        super().__init__(node, config)
        self._last: KeyframeKey | None = None
        self._poses = self.publisher(PoseWithCovarianceStamped, "~/pose")

    def activate(self) -> None:
        """Begin anew: the filter may have been reset meanwhile."""
        self._last = None

    def localized(self, recognition: Recognition) -> None:
        """Publish the answer's pose if it was measured, or if the place is another one.

        Raises:
            PoseError: it has none, or one that cannot be.
        """
        keyframe = recognition.candidates[0].keyframe.key
        if recognition.pose is None and keyframe == self._last:
            return
        pose = place_pose(recognition, self._settings)
        self._poses.publish(pose.message())
        self._last = keyframe
        self.sent(pose.words)
