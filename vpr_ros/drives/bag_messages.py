# SPDX-License-Identifier: Apache-2.0
"""What the messages of a bag mean: stamps, images, poses and cameras."""

from __future__ import annotations

import math
from typing import Any

from vpr_ros.datatypes import Camera, ImageArray, Pose
from vpr_ros.geometry.poses import checked_pose
from vpr_ros.images import decode_compressed, decode_ros_image


def stamp_of(message: Any, log_ns: int) -> int:
    """The header's stamp in nanoseconds, or the time of recording where it is not filled in."""
    return stamp_ns_of(message.header) or log_ns


def stamp_ns_of(header: Any) -> int:
    """A header's stamp in nanoseconds; 0 where it is not filled in."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)


def image_of(message: Any) -> ImageArray:
    """A raw or compressed image message as RGB, uint8 [H, W, 3]; ImageError if it is damaged."""
    if hasattr(message, "encoding"):  # CompressedImage has a format instead
        return decode_ros_image(message)
    return decode_compressed(message.data)


def pose_of(message: Any) -> Pose:
    """The pose of an Odometry, PoseStamped or PoseWithCovarianceStamped, or PoseError."""
    pose = message.pose.pose if hasattr(message.pose, "covariance") else message.pose
    return pose_from_parts(pose.position, pose.orientation, str(message.header.frame_id))


def pose_from_parts(position: Any, turn: Any, frame_id: str) -> Pose:
    """The pose of a point or vector and a quaternion, as messages hold them.

    Raises:
        PoseError: it is not finite, or its quaternion is zero.
    """
    return checked_pose(
        (float(position.x), float(position.y), float(position.z)),
        (float(turn.x), float(turn.y), float(turn.z), float(turn.w)),
        frame_id,
    )


def camera_of(message: Any, is_rectified: bool = False) -> Camera | None:
    """The camera of a CameraInfo message, live or recorded; None where it is not calibrated.

    Args:
        message: describes the lens by ``k`` and ``d``, its rectified images by ``p``.
        is_rectified: whether the images are the rectified ones.
    """
    numbers = [float(value) for value in (*message.k, *message.d)]
    # A focal length of zero is how sensor_msgs/CameraInfo says "not calibrated".
    if not (min(numbers[0], numbers[4]) > 0.0 and all(map(math.isfinite, numbers))):
        return None
    width, height = int(message.width), int(message.height)
    p = [float(value) for value in message.p]
    if is_rectified and len(p) == 12 and min(p[0], p[5]) > 0.0 and all(map(math.isfinite, p)):
        return Camera(width, height, (*p[0:3], *p[4:7], *p[8:11]), "plumb_bob", (0.0,) * 5)
    return Camera(
        width=width,
        height=height,
        intrinsics=tuple(numbers[:9]),
        distortion_model=str(message.distortion_model),
        distortion=tuple(numbers[9:]),
    )
