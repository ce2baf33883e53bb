# SPDX-License-Identifier: Apache-2.0
"""Poses as 4 x 4 matrices, which is how files write them and how they are chained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.poses import PoseError, checked_pose
from vpr_ros.transforms import quaternion

Matrix = NDArray[np.float64]

_LARGEST_FLAW = 1e-3  # of a rotation in a text file of few digits


def matrix_of(pose: Pose) -> Matrix:
    """The transform [4, 4] of a pose."""
    x, y, z, w = pose.orientation
    turn = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    matrix = np.eye(4)
    matrix[:3, :3] += 2.0 * w * turn + 2.0 * turn @ turn
    matrix[:3, 3] = pose.position
    return matrix


def inverse(matrix: Matrix) -> Matrix:
    """The transform back, [4, 4]."""
    back = np.eye(4)
    back[:3, :3] = matrix[:3, :3].T
    back[:3, 3] = -matrix[:3, :3].T @ matrix[:3, 3]
    return back


def pose_of(matrix: Matrix, frame: str) -> Pose:
    """The pose of a transform [3, 4] or [4, 4].

    Raises:
        PoseError: a number is not finite, or the left part is no rotation.
    """
    rotation, position = matrix[:3, :3], matrix[:3, 3]
    if not np.isfinite(matrix).all():
        raise PoseError(f"transform in {frame!r} is not finite")
    flaw = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if flaw > _LARGEST_FLAW or np.linalg.det(rotation) < 0.0:
        raise PoseError(f"transform in {frame!r} is no rotation and translation")
    return checked_pose(tuple(position.tolist()), quaternion(rotation), frame)
