# SPDX-License-Identifier: Apache-2.0
"""An answer as a pose: measured at the image, or the matched keyframe's for the place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from geometry_msgs.msg import PoseWithCovarianceStamped

from vpr_ros.config import SlamConfig
from vpr_ros.datatypes import Pose, Recognition
from vpr_ros.geometry.poses import PoseError, checked_pose
from vpr_ros.geometry.transforms import checked_covariance
from vpr_ros.nodes.conversions import ns_to_stamp, pose_to_message


@dataclass(frozen=True)
class PlacePose:
    """Where an answer puts the robot at the stamp of its image."""

    stamp_ns: int
    pose: Pose
    variances: tuple[float, ...]  # x, y, z (m^2), rotations about X, Y, Z (rad^2)
    measured: bool  # at the image; otherwise it is where the robot was for the keyframe
    keyframe: str  # which shows the place, in words

    @property
    def words(self) -> str:
        """What is said of such a pose wherever one is sent."""
        position, heading = (math.sqrt(max(self.variances[i : i + 3])) for i in (0, 3))
        which = (
            f"the pose measured at the image by {self.keyframe}"
            if self.measured
            else f"the pose of {self.keyframe} for the place, not measured at the image"
        )
        return f"sent {which}: standard deviation {position:g} m and {heading:g} rad"

    def message(self) -> PoseWithCovarianceStamped:
        """The message, its covariance diagonal.

        It passes Nav2's newest check, which refuses elements that are negative or above 1e9
        (nav2_ros_common/validate_messages.hpp).
        """
        message = PoseWithCovarianceStamped()
        message.header.stamp = ns_to_stamp(self.stamp_ns)
        message.header.frame_id = self.pose.frame_id
        message.pose.pose = pose_to_message(self.pose)
        message.pose.covariance = diagonal(self.variances)
        return message


def place_pose(recognition: Recognition, settings: SlamConfig) -> PlacePose:
    """The robot's pose by an accepted answer: measured if it was, or else the best candidate's.

    The latter tells where the robot was when it recorded the keyframe, and the answer which place
    the image shows, not from where in it. So its covariance is that of the place, as configured:
    ``position_sigma`` (m) and ``heading_sigma`` (rad) squared.

    Raises:
        PoseError: there is neither, or one that cannot be.
    """
    keyframe = recognition.candidates[0].keyframe
    estimate = recognition.pose
    if estimate is not None:
        pose = estimate.map_T_base
        variances = checked_covariance(estimate.covariance).diagonal().tolist()
    elif keyframe.pose is not None:
        pose = keyframe.pose
        variances = [settings.position_sigma**2] * 3 + [settings.heading_sigma**2] * 3
    else:
        raise PoseError(f"{keyframe.name} has no pose: map with pose_type other than none")
    frame = settings.frame or pose.frame_id
    if not frame:
        raise PoseError(f"the pose of {keyframe.name} names no frame: set slam.frame")
    pose = checked_pose(pose.position, pose.orientation, frame)
    measured = estimate is not None
    return PlacePose(recognition.stamp_ns, pose, tuple(variances), measured, keyframe.name)


def diagonal(variances: Sequence[float]) -> list[float]:
    """A row-major 6 x 6 matrix with these six values on its diagonal."""
    matrix = [0.0] * 36
    matrix[::7] = variances
    return matrix
