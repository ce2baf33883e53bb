# SPDX-License-Identifier: Apache-2.0
"""Poses in a map's plane, and groups of images that belong together."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.evaluation.retrieval_set import Indices

PLANE_FRAME = "utm"


def compass_heading(degrees: float) -> float:
    """Radians counterclockwise from east, of degrees clockwise from north."""
    return math.radians(90.0 - degrees)


def plane_pose(east: float, north: float, heading: float | None = None) -> Pose:
    """A pose in a map's plane, meters and radians; without a heading it faces east."""
    half = 0.5 * (heading or 0.0)
    return Pose((east, north, 0.0), (0.0, 0.0, math.sin(half), math.cos(half)), PLANE_FRAME)


def grouped(labels: Collection[str]) -> dict[str, Indices]:
    """Label -> indices of those that carry it; an empty label is none."""
    values = np.array(labels)
    return {label: np.flatnonzero(values == label) for label in sorted({*labels} - {""})}


def numbered(labels: Collection[str] | NDArray[np.float64]) -> Indices:
    """[N] a number for each label or position, the same for the same."""
    _, numbers = np.unique(np.array(labels), axis=0, return_inverse=True)
    return np.asarray(numbers, np.int64).reshape(-1)
