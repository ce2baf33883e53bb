# SPDX-License-Identifier: Apache-2.0
"""A place as a pose: the matched keyframe's, as uncertain as the place is large."""

from __future__ import annotations

from geometry_msgs.msg import PoseWithCovarianceStamped

from vpr_ros.config import SlamConfig
from vpr_ros.datatypes import Pose
from vpr_ros.geometry.poses import PoseError, checked_pose
from vpr_ros.nodes.conversions import pose_to_message
from vpr_ros.nodes.interfaces import PlaceMatch


def place_pose(match: PlaceMatch, settings: SlamConfig) -> PoseWithCovarianceStamped:
    """Where the robot was when it recorded the best candidate, at the stamp of the match's image.

    The match says which place the image shows, not from where in it. So the covariance is that of
    the place, as configured: diagonal, ``position_sigma`` (m) and ``heading_sigma`` (rad) squared.
    It passes Nav2's newest check, which refuses elements that are negative or above 1e9
    (nav2_ros_common/validate_messages.hpp).

    Raises:
        PoseError: the keyframe has no pose, or one that cannot be.
    """
    recorded = recorded_pose(match, settings)
    message = PoseWithCovarianceStamped()
    message.header.stamp, message.header.frame_id = match.header.stamp, recorded.frame_id
    message.pose.pose = pose_to_message(recorded)
    sigmas = [settings.position_sigma] * 3 + [settings.heading_sigma] * 3
    message.pose.covariance = diagonal([sigma * sigma for sigma in sigmas])
    return message


def recorded_pose(match: PlaceMatch, settings: SlamConfig) -> Pose:
    """The pose that the best candidate was recorded with, its frame as the settings name it.

    Raises:
        PoseError: the keyframe has no pose, or one that cannot be.
    """
    best = match.candidates[0]
    if not best.has_pose:
        raise PoseError(
            f"keyframe {best.keyframe_id} has no pose: map with pose_type other than none"
        )
    frame = settings.frame or best.pose_frame_id
    if not frame:
        raise PoseError(f"the pose of keyframe {best.keyframe_id} names no frame: set slam.frame")
    p, q = best.pose.position, best.pose.orientation
    return checked_pose((p.x, p.y, p.z), (q.x, q.y, q.z, q.w), frame)


def described(match: PlaceMatch, settings: SlamConfig) -> str:
    """What is said of such a pose wherever one is sent."""
    return (
        f"sent the pose of keyframe {match.candidates[0].keyframe_id} for the place, not measured "
        f"at the image: standard deviation {settings.position_sigma:g} m and "
        f"{settings.heading_sigma:g} rad"
    )


def diagonal(variances: list[float]) -> list[float]:
    """A row-major 6 x 6 matrix with these six values on its diagonal."""
    matrix = [0.0] * 36
    matrix[::7] = variances
    return matrix
