# SPDX-License-Identifier: Apache-2.0
"""Several cameras on one robot: where it is if one camera sees what another one saw.

Keyframes keep the pose of the robot's base. If the camera that looks now stands where the
keyframe's camera stood, the base stands elsewhere, unless both sit at the same place of it: a robot
that comes back the other way sees with its front camera what it saw with its rear camera, and faces
the other way.

A mount is ``base_T_optical`` everywhere, the frame of the camera's images (REP 103: z ahead, x
right, y down). Only the text of a setting is written as people write it, x ahead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vpr_ros.datatypes import Camera, Candidate, KeyframeKey, Pose, Recognition
from vpr_ros.errors import ConfigError
from vpr_ros.geometry.transforms import LINK_T_OPTICAL, Matrix, RigidTransform, as_mount

_NUMBERS = 6  # x y z roll pitch yaw


def parse_mount(text: str) -> Pose | None:
    """Where a camera sits, from ``x y z roll pitch yaw``; None for an empty text.

    Args:
        text: meters and radians in the frame of the robot's base, as in a URDF's origin: rotations
            about the fixed axes x, y and z in this order. All zero is a camera at the base that
            looks ahead: the text places the camera's body, whose x axis points where it looks.

    Returns:
        ``base_T_optical``, the same place turned to the axes of the camera's images.

    Raises:
        ConfigError: these are not six finite numbers.
    """
    if not text.strip():
        return None
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != _NUMBERS or not all(map(math.isfinite, numbers)):
        raise ConfigError(f"mount {text.strip()!r}: write x y z roll pitch yaw, meters and radians")
    roll, pitch, yaw = numbers[3:]
    rotation = _about(2, yaw) @ _about(1, pitch) @ _about(0, roll)
    return as_mount(RigidTransform(rotation, np.array(numbers[:3])) @ LINK_T_OPTICAL)


def seen_from(
    recognition: Recognition, mount: Pose | None, camera_of: Callable[[KeyframeKey], Camera | None]
) -> Recognition:
    """The answer with the poses that the robot has if its camera stands where a keyframe's stood.

    Args:
        recognition: of an image; its candidates have the poses of their keyframes.
        mount: ``base_T_optical`` of the camera that took the image; None leaves all as it is.
        camera_of: tells which camera took a keyframe; one without mount leaves the pose as it is.
    """
    if mount is None:
        return recognition
    base_of_camera = RigidTransform.of_pose(mount).inverse()

    def moved(candidate: Candidate) -> Candidate:
        pose = candidate.keyframe.pose
        camera = camera_of(candidate.keyframe.key)
        # With equal mounts the product is the same pose again, but for rounding.
        if pose is None or camera is None or camera.mount in (None, mount):
            return candidate
        seen = RigidTransform.of_pose(pose) @ RigidTransform.of_pose(camera.mount) @ base_of_camera
        keyframe = replace(candidate.keyframe, pose=seen.as_pose(pose.frame_id))
        return replace(candidate, keyframe=keyframe)

    return replace(recognition, candidates=tuple(map(moved, recognition.candidates)))


def _about(axis: int, angle: float) -> Matrix:
    """The rotation about one of the axes, [3, 3]."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = math.cos(angle)
    matrix[i, j], matrix[j, i] = -math.sin(angle), math.sin(angle)
    return matrix
