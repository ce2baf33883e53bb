# SPDX-License-Identifier: Apache-2.0
"""Several maps of one model, searched as if they were one."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vpr_ros.datatypes import CalibrationRecord, Camera, Features, FloatArray, KeyframeRecord
from vpr_ros.errors import MapError
from vpr_ros.place_map.place_map import PlaceMap

_SPAN = 1 << 40  # ids of one map; the ids of the map that may grow stay what they are


class MapSet:
    """A map that may grow, and others that are only searched.

    Ids are unique in the set; ``locate`` tells which map a keyframe is of, and its id there.
    Sessions of the other maps are named ``FILE/SESSION``: two drives called alike are two drives.
    """

    def __init__(self, main: PlaceMap, others: Sequence[PlaceMap]) -> None:
        """Join maps; whoever opened them closes them."""
        self._main = main
        self._maps = {0: main, **{number + 1: each for number, each in enumerate(others)}}
        # The main map comes last, so that what it gains is appended to the whole.
        self._order = [*range(1, len(self._maps)), 0]

    def __len__(self) -> int:
        return sum(len(each) for each in self._maps.values())

    def search(
        self, descriptor: FloatArray, k: int, exclude: Collection[int] = ()
    ) -> list[tuple[KeyframeRecord, float]]:
        """As ``PlaceMap.search``, over all maps."""
        found = [
            (self._labeled(number, record), similarity)
            for number, each in self._maps.items()
            for record, similarity in each.search(descriptor, k, self._own(number, exclude))
        ]
        return heapq.nsmallest(k, found, key=lambda each: (-each[1], each[0].keyframe_id))

    def similarities(self, descriptor: FloatArray) -> FloatArray:
        """As ``PlaceMap.similarities``, in the order of ``records``."""
        each = [self._maps[number].similarities(descriptor) for number in self._order]
        return np.concatenate(each)

    def records(self) -> list[KeyframeRecord]:
        """All keyframes, those of the map that may grow last."""
        return [
            self._labeled(number, record)
            for number in self._order
            for record in self._maps[number].records()
        ]

    def record(self, keyframe_id: int) -> KeyframeRecord:
        """As ``PlaceMap.record``."""
        number, own = divmod(keyframe_id, _SPAN)
        return self._labeled(number, self._map(number).record(own))

    def features_of(self, ids: Sequence[int]) -> list[Features]:
        """As ``PlaceMap.features_of``."""
        pairs = [divmod(keyframe_id, _SPAN) for keyframe_id in ids]
        return [self._map(number).features_of([own])[0] for number, own in pairs]

    def thumbnail(self, keyframe_id: int) -> bytes:
        """As ``PlaceMap.thumbnail``."""
        number, own = divmod(keyframe_id, _SPAN)
        return self._map(number).thumbnail(own)

    def camera_of(self, keyframe_id: int) -> Camera | None:
        """As ``PlaceMap.camera_of``."""
        number, own = divmod(keyframe_id, _SPAN)
        return self._map(number).camera_of(own)

    def calibration(self) -> CalibrationRecord | None:
        """As ``PlaceMap.calibration``; what each map keeps of itself does not hold for all."""
        return None

    def locate(self, keyframe_id: int) -> tuple[Path, int]:
        """The file of a keyframe's map, and its id there."""
        number, own = divmod(keyframe_id, _SPAN)
        return self._map(number).locate(own)

    def _map(self, number: int) -> PlaceMap:
        if number not in self._maps:
            raise MapError(f"there is no map {number} among {len(self._maps)}")
        return self._maps[number]

    def _labeled(self, number: int, record: KeyframeRecord) -> KeyframeRecord:
        if number == 0:
            return record
        path, _ = self._maps[number].locate(record.keyframe_id)
        return replace(
            record,
            keyframe_id=number * _SPAN + record.keyframe_id,
            session=f"{path.stem}/{record.session}",
        )

    def _own(self, number: int, ids: Collection[int]) -> list[int]:
        """Those of some ids that are of one map, as it numbers them."""
        return [each % _SPAN for each in ids if each // _SPAN == number]
