# SPDX-License-Identifier: Apache-2.0
"""Cutting polygons at planes of equal depth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from vpr_ros.simulation.geometry import FloatArray
from vpr_ros.simulation.scene import NEAR_M

DEPTH_RATIO = 1.6
"""Within one slice, the far end is at most this much further away than the near one."""


def slices(points: FloatArray) -> Iterator[FloatArray]:
    """Cut a convex polygon [N, 3] in the optical frame at growing depths.

    Each slice is so thin that one scale of the texture suits all of it.
    """
    near, far = max(float(points[:, 2].min()), NEAR_M), float(points[:, 2].max())
    count = max(1, int(np.ceil(np.log(far / near) / np.log(DEPTH_RATIO))))
    depths = [near * (far / near) ** (i / count) for i in range(count + 1)]
    if float(points[:, 2].min()) < NEAR_M:
        points = _clip(points, NEAR_M, 1.0)
    for low, high in pairwise(depths):
        part = points
        if low > near:
            part = _clip(part, low, 1.0)
        if high < 0.999 * far:
            part = _clip(part, high, -1.0)
        if len(part) > 2:
            yield part


def _clip(points: FloatArray, depth: float, side: float) -> FloatArray:
    """The part of a convex polygon beyond (side = 1) or before (side = -1) a depth."""
    beyond = side * (points[:, 2] - depth)
    following, after = np.roll(points, -1, axis=0), np.roll(beyond, -1)
    kept = []
    for here, there, start, end in zip(points, following, beyond, after, strict=True):
        if start >= 0:
            kept.append(here)
        if (start >= 0) != (end >= 0):
            kept.append(here + (there - here) * start / (start - end))
    return np.array(kept).reshape(-1, 3)
