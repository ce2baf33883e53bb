# SPDX-License-Identifier: Apache-2.0
"""Transforms as files write them: the numbers of a matrix, which may be anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import RigidTransform

_LARGEST_FLAW = 1e-3  # of a rotation in a text file of few digits


def transform_of(matrix: NDArray[np.float64]) -> RigidTransform:
    """The transform of a matrix [3, 4] or [4, 4].

    Raises:
        PoseError: a number is not finite, or the left part is no rotation.
    """
    rotation, translation = matrix[:3, :3], matrix[:3, 3]
    if not np.isfinite(matrix).all():
        raise PoseError("a transform that is not finite")
    flaw = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if flaw > _LARGEST_FLAW or np.linalg.det(rotation) < 0.0:
        raise PoseError("no rotation and translation")
    return RigidTransform(rotation, translation)
