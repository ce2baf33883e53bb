# SPDX-License-Identifier: Apache-2.0
"""Points in space around a keyframe, from what it and its neighbors in the drive saw of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpr_ros.datatypes import FloatArray, KeyframeKey
from vpr_ros.geometry.bundle import Bundle, View
from vpr_ros.geometry.cameras import Matrix
from vpr_ros.geometry.points import Sight
from vpr_ros.geometry.transforms import RigidTransform

_ROUNDS = 4
_LEAST_BASELINE = 0.1  # meters, below it two images are taken from one place
_VAGUE = 0.35  # largest standard deviation of a distance, as a part of it
FEWEST = 8  # landmarks that are worth having


@dataclass(frozen=True)
class Landmarks:
    """What a keyframe saw, in meters in its optical frame; L landmarks."""

    points: Matrix  # [L, 3] meters
    covariances: Matrix  # [L, 3, 3] m^2
    descriptors: FloatArray  # [L, C] of norm 1
    places: FloatArray  # [L, 2] (x, y) in the keyframe's image, as parts of its width and height
    view_T_anchor: dict[KeyframeKey, RigidTransform]  # of the neighbors, adjusted

    def __len__(self) -> int:
        return len(self.points)

    @property
    def size_bytes(self) -> int:
        """Memory of the arrays."""
        arrays = (self.points, self.covariances, self.descriptors, self.places)
        return sum(array.nbytes for array in arrays)


class NoLandmarksError(Exception):
    """Why a place has none, in words."""


def triangulated(anchor: Sight, views: Sequence[View]) -> Landmarks:
    """The points of a keyframe that its neighbors saw, too.

    Args:
        anchor: the keyframe's points.
        views: those of its neighbors in one drive.

    Raises:
        NoLandmarksError: too little was seen from two places.
    """
    apart = [v for v in views if np.linalg.norm(v.view_T_anchor.translation) >= _LEAST_BASELINE]
    if not apart:
        raise NoLandmarksError("the robot hardly moved there while it was mapped")
    bundle = Bundle.of(anchor, apart)
    for number in range(_ROUNDS):
        bundle = bundle.adjusted()
        if number >= 1:
            bundle = bundle.without_outliers()
        if len(bundle.rows) < FEWEST:
            break
    slipped = bundle.slipped()
    if slipped is not None:
        return triangulated(anchor, [*apart[:slipped], *apart[slipped + 1 :]])
    return _landmarks(bundle, anchor, apart)


def _landmarks(bundle: Bundle, anchor: Sight, views: Sequence[View]) -> Landmarks:
    few = "too few points of the keyframe were seen again by its neighbors"
    if len(bundle.rows) < FEWEST:
        raise NoLandmarksError(f"{few}: {len(bundle.rows)}")
    covariances = bundle.covariances()
    depths = np.linalg.norm(bundle.points, axis=1)
    units = bundle.points / depths[:, None]
    along = np.sqrt(np.maximum(np.einsum("ni,nij,nj->n", units, covariances, units), 0.0))
    good = along < _VAGUE * depths
    if good.sum() < FEWEST:
        raise NoLandmarksError(
            f"{few} from far enough apart to tell how far away they are: {good.sum()}"
        )
    adjusted = {v.key: motion for v, motion in zip(views, bundle.transforms, strict=True)}
    rows = bundle.rows[good]
    points, descriptors, places = bundle.points[good], anchor.descriptors[rows], anchor.places[rows]
    return Landmarks(points, covariances[good], descriptors, places, adjusted)
