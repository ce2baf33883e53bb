# SPDX-License-Identifier: Apache-2.0
"""Several maps of one model, searched as if they were one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.datatypes import (
    Camera,
    Features,
    FloatArray,
    Found,
    Keyframe,
    KeyframeKey,
    KeyframeRecord,
    LocalFeatures,
    MapShares,
)
from vpr_ros.errors import MapError
from vpr_ros.place_map.base import ALL, Nearest, as_found, hidden_rows
from vpr_ros.place_map.keyframe_table import Flags, KeyframeTable, Numbers
from vpr_ros.place_map.map_choice import MapChoice
from vpr_ros.place_map.map_stage import MapStage
from vpr_ros.place_map.place_map import PlaceMap


def maps_in(path: Path) -> list[Path]:
    """The maps in a folder by their names; a path that is no folder stands for itself.

    Raises:
        MapError: the folder holds no map.
    """
    if not path.is_dir():
        return [path]
    maps = sorted(path.glob("*.vprmap"))
    if not maps:
        raise MapError(f"{path}: no map (*.vprmap) in this folder")
    return maps


class MapSet:
    """A map that may grow, and others that are only searched."""

    def __init__(
        self, main: PlaceMap, others: Sequence[PlaceMap], stage: MapStage | None = None
    ) -> None:
        """Join maps; whoever opened them closes them.

        Args:
            main: the map that may grow.
            others: the others.
            stage: SUP-VPR's, trained: it tells with every search which map is likely.

        Raises:
            MapError: two files are copies of one map.
        """
        self._main = main
        # The main map comes last, so that what it gains is appended to the whole.
        self._maps = {each.uuid: each for each in (*others, main)}
        if len(self._maps) <= len(others):
            raise MapError(_copies((*others, main)))
        self._choice = MapChoice(stage) if stage is not None else None
        self._parts: list[KeyframeTable] = []
        self._table = self._joined()

    def close(self) -> None:
        """Close all maps."""
        for each in self._maps.values():
            each.close()

    def __len__(self) -> int:
        return sum(map(len, self._maps.values()))

    @property
    def uuid(self) -> str:
        """That of the map that may grow."""
        return self._main.uuid

    @property
    def table(self) -> KeyframeTable:
        """All keyframes, those of the map that may grow last; see ``Map``."""
        parts = [each.table for each in self._maps.values()]
        same = all(one is other for one, other in zip(parts, self._parts, strict=True))
        if not same or len(self._table) > len(self):
            self._table = self._joined()
        elif len(self._table) < len(self):
            grown = self._main.table
            known = len(self._table) - (len(self) - len(grown))
            self._table.append(self.uuid, grown.columns(known), _name(self._main))
        return self._table

    def _joined(self) -> KeyframeTable:
        table = KeyframeTable()
        self._parts = [each.table for each in self._maps.values()]
        for uuid, each in self._maps.items():
            table.append(uuid, each.table.columns(), _name(each))
        return table

    def search(
        self, descriptor: FloatArray, k: int, exclude: Collection[KeyframeKey] = ()
    ) -> Found:
        """As ``PlaceMap.search``, over all maps."""
        nearest = self.nearest(descriptor, k, hidden_rows(self.table, exclude))
        found = as_found(self.table, nearest)
        return Found(found.keyframes, found.similarities, self._shares(descriptor))

    def nearest(self, descriptor: FloatArray, k: int, hidden: Flags | None = None) -> Nearest:
        """As ``PlaceMap.nearest``, in rows of ``table``."""
        rows, similarities, start = [], [], 0
        for each in self._maps.values():
            own = slice(start, start + len(each))
            found = each.nearest(descriptor, k, None if hidden is None else hidden[own])
            rows.append(found.rows + start)
            similarities.append(found.similarities)
            start = own.stop
        # Of equal ones, those of the main map come first.
        all_rows, products = (
            np.concatenate([each[-1], *each[:-1]]) for each in (rows, similarities)
        )
        best = np.argsort(-products, kind="stable")[:k]
        return Nearest(all_rows[best], products[best])

    def _shares(self, descriptor: FloatArray) -> MapShares | None:
        """Which map an image is from, if a stage is there to tell."""
        if self._choice is None:
            return None
        maps = [self._main, *(each for each in self._maps.values() if each is not self._main)]
        return self._choice.shares(maps, descriptor)

    def similarities(self, descriptors: FloatArray, rows: Numbers | slice = ALL) -> FloatArray:
        """As ``PlaceMap.similarities``, in the order of ``table``."""
        if not (isinstance(rows, slice) and rows == ALL):
            return np.asarray(descriptors @ self.descriptors(rows).T)
        every = [each.similarities(descriptors) for each in self._maps.values()]
        return np.concatenate(every, axis=-1)

    def descriptors(self, rows: Numbers | slice = ALL) -> FloatArray:
        """As ``PlaceMap.descriptors``."""
        wanted = np.arange(len(self))[rows]
        places, parts, start = [], [], 0
        for each in self._maps.values():
            own = np.flatnonzero((wanted >= start) & (wanted < start + len(each)))
            places.append(own)
            parts.append(each.descriptors(wanted[own] - start))
            start += len(each)
        found = np.concatenate(parts)
        found[np.concatenate(places)] = found.copy()
        return found

    def record(self, key: KeyframeKey) -> KeyframeRecord:
        """As ``PlaceMap.record``."""
        row = self.table.row_of(key)
        if row is None:
            raise MapError(f"{self._map(key).path}: there is no keyframe {key.id}")
        return self.table.record(row)

    def features_of(self, keys: Sequence[KeyframeKey]) -> list[Features]:
        """As ``PlaceMap.features_of``."""
        return [self._map(key).features_of([key])[0] for key in keys]

    def points_of(self, key: KeyframeKey) -> LocalFeatures | None:
        """As ``PlaceMap.points_of``."""
        return self._map(key).points_of(key)

    def thumbnail(self, key: KeyframeKey) -> bytes:
        """As ``PlaceMap.thumbnail``."""
        return self._map(key).thumbnail(key)

    def camera_of(self, key: KeyframeKey) -> Camera | None:
        """As ``PlaceMap.camera_of``."""
        return self._map(key).camera_of(key)

    def path_of(self, key: KeyframeKey) -> Path:
        """The file of a keyframe's map."""
        return self._map(key).path

    def calibration(self) -> CalibrationRecord | None:
        """As ``PlaceMap.calibration``; what each map keeps of itself does not hold for all."""
        return None

    def note(self, key: str) -> str | None:
        """As ``PlaceMap.note``; what each map keeps of itself does not hold for all."""
        return None

    def append(self, keyframe: Keyframe) -> KeyframeKey:
        """Add a keyframe to the map that may grow; see ``PlaceMap.append``."""
        return self._main.append(keyframe)

    def remove(self, keys: Collection[KeyframeKey]) -> None:
        """Take keyframes out of the map that may grow; see ``PlaceMap.remove``."""
        self._main.remove(keys)

    def commit(self) -> None:
        """Make what the map that may grow has gained durable; see ``PlaceMap.commit``."""
        self._main.commit()

    def _map(self, key: KeyframeKey) -> PlaceMap:
        if key.map not in self._maps:
            raise MapError(f"there is no map {key.map} among {len(self._maps)}")
        return self._maps[key.map]


def _name(place_map: PlaceMap) -> str:
    """A map for people."""
    return place_map.path.stem


def _copies(maps: Sequence[PlaceMap]) -> str:
    files: dict[str, list[Path]] = {}
    for each in maps:
        files.setdefault(each.uuid, []).append(each.path)
    uuid, copies = next(item for item in files.items() if len(item[1]) > 1)
    return f"{' and '.join(map(str, copies))} are copies of one map ({uuid}): search one of them"
