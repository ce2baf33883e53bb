# SPDX-License-Identifier: Apache-2.0
"""Several maps of one model, searched as if they were one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.datatypes import MAP_SPAN, Camera, Features, FloatArray, KeyframeRecord, MapShares
from vpr_ros.errors import MapError
from vpr_ros.place_map.map_choice import MapChoice, search_in_order
from vpr_ros.place_map.map_stage import MapStage
from vpr_ros.place_map.place_map import PlaceMap


def maps_in(path: Path) -> list[Path]:
    """The maps in a folder by their names; a path that is no folder stands for itself.

    Raises:
        MapError: the folder holds no map.
    """
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.vprmap"))
    if not found:
        raise MapError(f"{path}: no map (*.vprmap) in this folder")
    return found


class MapSet:
    """A map that may grow, and others that are only searched.

    Ids are unique in the set; ``locate`` tells which map a keyframe is of, and its id there.
    Sessions of the other maps are named ``FILE/SESSION``: two drives called alike are two drives.
    """

    def __init__(
        self, main: PlaceMap, others: Sequence[PlaceMap], stage: MapStage | None = None
    ) -> None:
        """Join maps; whoever opened them closes them.

        Args:
            main: the map that may grow.
            others: the others.
            stage: SUP-VPR's map stage, trained; None: likeness decides which map is likely.
        """
        self._stage = stage
        self._main = main
        self._maps = {0: main, **{number + 1: each for number, each in enumerate(others)}}
        self._choice: MapChoice | None = None
        self._shares: MapShares | None = None
        # The main map comes last, so that what it gains is appended to the whole.
        self._order = [*range(1, len(self._maps)), 0]

    def close(self) -> None:
        """Close all maps."""
        for each in self._maps.values():
            each.close()

    def __len__(self) -> int:
        return sum(len(each) for each in self._maps.values())

    def search(
        self, descriptor: FloatArray, k: int, exclude: Collection[int] = ()
    ) -> list[tuple[KeyframeRecord, float]]:
        """As ``PlaceMap.search``, over all maps: the likeliest first, hopeless ones not at all."""
        belief = self._chosen().belief(descriptor)
        self._shares = MapShares(
            {
                str(self._maps[number].path): float(probability)
                for number, probability in enumerate(belief.probabilities)
            },
            belief.none,
        )

        def search(number: int) -> list[tuple[KeyframeRecord, float]]:
            return self._maps[number].search(descriptor, k, self._own(number, exclude))

        found = search_in_order(belief, search, k).found
        return [(self._labeled(number, record), product) for number, record, product in found]

    def shares(self) -> MapShares | None:
        """Which map the last descriptor that was searched for is from."""
        return self._shares

    def _chosen(self) -> MapChoice:
        """What tells the maps apart, also after one has grown."""
        prototypes = [each.prototypes() for each in self._maps.values()]
        if self._choice is None:
            self._choice = MapChoice(prototypes, stage=self._stage)
        elif prototypes[0] is not self._choice.maps[0]:
            self._choice = self._choice.grown(prototypes)
        return self._choice

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
        number, own = divmod(keyframe_id, MAP_SPAN)
        return self._labeled(number, self._map(number).record(own))

    def features_of(self, ids: Sequence[int]) -> list[Features]:
        """As ``PlaceMap.features_of``."""
        pairs = [divmod(keyframe_id, MAP_SPAN) for keyframe_id in ids]
        return [self._map(number).features_of([own])[0] for number, own in pairs]

    def thumbnail(self, keyframe_id: int) -> bytes:
        """As ``PlaceMap.thumbnail``."""
        number, own = divmod(keyframe_id, MAP_SPAN)
        return self._map(number).thumbnail(own)

    def camera_of(self, keyframe_id: int) -> Camera | None:
        """As ``PlaceMap.camera_of``."""
        number, own = divmod(keyframe_id, MAP_SPAN)
        return self._map(number).camera_of(own)

    def calibration(self) -> CalibrationRecord | None:
        """As ``PlaceMap.calibration``; what each map keeps of itself does not hold for all."""
        return None

    def locate(self, keyframe_id: int) -> tuple[Path, int]:
        """The file of a keyframe's map, and its id there."""
        number, own = divmod(keyframe_id, MAP_SPAN)
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
            keyframe_id=number * MAP_SPAN + record.keyframe_id,
            session=f"{path.stem}/{record.session}",
        )

    def _own(self, number: int, ids: Collection[int]) -> list[int]:
        """Those of some ids that are of one map, as it numbers them."""
        return [each % MAP_SPAN for each in ids if each // MAP_SPAN == number]
