# SPDX-License-Identifier: Apache-2.0
"""Which of several maps an image is from, as SUP-VPR's trained stage says: told, not relied on.

All maps are searched whatever it says: that is faster than asking it, and more often right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vpr_ros.datatypes import FloatArray, MapShares
from vpr_ros.place_map.map_stage import MapStage
from vpr_ros.place_map.place_map import PlaceMap
from vpr_ros.place_map.prototypes import prototypes_of

_NONE = 0.1  # what is believed beforehand: that an image is from none of the maps
_GROWN = 1.2  # a map that has so many times more keyframes is known by others


class MapChoice:
    """Compares images with the prototypes of each map."""

    def __init__(self, stage: MapStage) -> None:
        self._stage = stage
        self._prototypes: dict[str, tuple[int, FloatArray]] = {}  # uuid -> keyframes, [P, D]

    def shares(self, maps: Sequence[PlaceMap], descriptor: FloatArray) -> MapShares:
        """How likely each map is, the likeliest first.

        Args:
            maps: those that are searched.
            descriptor: of the image, unit norm, [D].
        """
        prototypes = [self._of(each) for each in maps]
        owners = np.repeat(np.arange(len(maps)), [len(each) for each in prototypes])
        prior = np.array([*np.full(len(maps), (1.0 - _NONE) / len(maps)), _NONE])
        posterior = self._stage.posterior(
            descriptor,
            np.concatenate(prototypes),
            np.arange(len(maps))[:, None] == owners,
            prior,
        )
        order = np.argsort(-posterior[:-1], kind="stable")
        shares = {str(maps[number].path): float(posterior[number]) for number in order}
        return MapShares(shares, float(posterior[-1]))

    def _of(self, place_map: PlaceMap) -> FloatArray:
        count, prototypes = self._prototypes.get(place_map.uuid, (-1, None))
        if prototypes is None or not count <= len(place_map) <= _GROWN * count:
            prototypes = prototypes_of(place_map.descriptors())
            self._prototypes[place_map.uuid] = len(place_map), prototypes
        return prototypes
