# SPDX-License-Identifier: Apache-2.0
"""The prototypes of several maps as one matrix: one product with an image serves all of them.

Shapes: M maps, S prototypes of all maps together, D values of a descriptor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray
from vpr_ros.place_map.prototypes import ROUNDING, Prototypes, angles


class Comparison(NamedTuple):
    """What an image has in common with each map; -1 where a map is empty."""

    likeness: FloatArray  # [M] largest inner product with a prototype
    bounds: FloatArray  # [M] what no inner product with a keyframe can exceed


class PrototypeTable:
    """Compares images with all maps at once."""

    def __init__(self, maps: Sequence[Prototypes]) -> None:
        """Stack the prototypes of one map or more, of one method."""
        self.maps = tuple(maps)
        self.centers = np.concatenate([each.centers for each in maps])  # [S, D]
        self.owners = np.repeat(np.arange(len(maps)), [len(each) for each in maps])  # [S]
        self._radii = np.concatenate([each.radii for each in maps])
        self._filled, self._starts = np.unique(self.owners, return_index=True)

    def is_of(self) -> NDArray[np.bool_]:
        """Whether a prototype is of a map, [M, S]."""
        return np.asarray(np.arange(len(self.maps))[:, None] == self.owners)

    def compare(self, descriptor: FloatArray) -> Comparison:
        """What an image has in common with each map.

        A query that is ``a`` from a prototype is at least ``a - r`` from all keyframes within ``r``
        of that prototype: angles between unit vectors obey the triangle inequality.

        Args:
            descriptor: of the image, unit norm, [D].
        """
        found = Comparison(*np.full((2, len(self.maps)), -1.0, np.float32))
        if not len(self.centers):
            return found
        products = self.centers @ descriptor
        found.likeness[self._filled] = np.maximum.reduceat(products, self._starts)
        gaps = angles(products) - self._radii - ROUNDING
        nearest = np.minimum.reduceat(gaps, self._starts)
        found.bounds[self._filled] = np.cos(np.maximum(nearest, 0.0))
        return found
