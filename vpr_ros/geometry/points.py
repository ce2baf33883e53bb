# SPDX-License-Identifier: Apache-2.0
"""Points of two images that show the same, by their descriptors and by what geometry allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Camera, FloatArray, LocalFeatures
from vpr_ros.geometry.cameras import Matrix, lens_of

Rows = NDArray[np.intp]
Allowed = NDArray[np.bool_]

_NOISE = 0.7  # pixels, a keypoint's standard deviation at the resolution it was found at

# Pixels of the images that keypoints are found in; larger ones are made so small. Of the rendered
# drives' 154,000, all give a median error of 18 mm, 100,000 give 24, 70,000 give 26, and these 28
# in the shortest time.
FULL_PIXELS = 50_000


@dataclass(frozen=True)
class Sight:
    """The points of one image as directions in the camera's optical frame; N points.

    Those without a direction are left out.
    """

    rays: Matrix  # [N, 3] units
    descriptors: FloatArray  # [N, C] of norm 1
    places: FloatArray  # [N, 2] (x, y) in the image, as parts of its width and height
    noise: float  # radians, the standard deviation of a direction

    @classmethod
    def of(cls, points: LocalFeatures, camera: Camera | None) -> Sight:
        """The points of a camera's image.

        Raises:
            CameraError: the camera tells no directions.
        """
        lens = lens_of(camera, points.image_size)
        rays = lens.unit_rays(points.keypoints)
        finite = np.isfinite(rays).all(axis=1) & np.isfinite(points.descriptors).all(axis=1)
        rows = np.flatnonzero(finite)
        descriptors = points.descriptors[rows]
        norms = np.linalg.norm(descriptors, axis=1, keepdims=True)
        unit = np.asarray(descriptors / np.maximum(norms, 1e-9), np.float32)
        width, height = points.image_size
        pixels = _NOISE * max(1.0, math.sqrt(width * height / FULL_PIXELS))
        places = points.keypoints[rows] / np.asarray(points.image_size, np.float32)
        return cls(rays[rows], unit, np.asarray(places, np.float32), pixels / lens.focal)

    def __len__(self) -> int:
        return len(self.rays)


def matched(
    likeness: FloatArray, ratio: float, allowed: Allowed | None = None
) -> tuple[Rows, Rows]:
    """Pairs of descriptors that are each other's nearest, and clearly nearer than the next one.

    Args:
        likeness: inner products of descriptors of norm 1, the left's with the right's, [N, M].
        ratio: largest distance to the nearest one as a part of that to the next (Lowe, 2004).
        allowed: which pairs may be, [N, M]; all without it.

    Returns:
        Their rows and columns, [P] each, ascending in the rows.
    """
    if not likeness.size:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    likeness = likeness.copy() if allowed is None else np.where(allowed, likeness, np.float32(-2.0))
    rows = np.arange(len(likeness))
    nearest = likeness.argmax(axis=1)
    best = likeness[rows, nearest]
    likeness[rows, nearest] = -3.0
    second = likeness.max(axis=1)
    likeness[rows, nearest] = best
    # Squared distances of unit vectors are 2 - 2 * likeness, and not below zero by rounding.
    near, next_one = (np.maximum(1.0 - each, 0.0) for each in (best, np.maximum(second, -1.0)))
    clear = near < ratio * ratio * next_one - 1e-6
    good = clear & (best > -1.5) & (best >= likeness.max(axis=0)[nearest])
    pairs = np.flatnonzero(good)
    return pairs, nearest[pairs]
