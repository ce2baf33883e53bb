# SPDX-License-Identifier: Apache-2.0
"""The landmarks of keyframes, made when they are first needed and kept while they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress

from vpr_ros.datatypes import KeyframeKey
from vpr_ros.geometry.bundle import View
from vpr_ros.geometry.cameras import CameraError
from vpr_ros.geometry.landmarks import Landmarks, NoLandmarksError, triangulated
from vpr_ros.geometry.points import Sight
from vpr_ros.place_map import KeyframeTable, Map
from vpr_ros.route.neighbors import Neighbor, mount_of, neighbors

_BYTES = 48 * 2**20  # some 300 keyframes
_SIGHTS = 32  # keyframes whose points are at hand: each is asked for by all of its neighbors
_EMPTY = 200  # bytes of a place that has none

_Made = Landmarks | str  # or why there are none
_Wanted = tuple[KeyframeKey, ...]  # a keyframe and its neighbors, which it gains as the map grows


class LandmarkCache:
    """Landmarks of the keyframes of a map, the least recently used leave first.

    Corrected poses make another table of keyframes: then all are made anew.
    """

    def __init__(self, searched: Map, capacity_bytes: int = _BYTES) -> None:
        self._map, self._capacity = searched, capacity_bytes
        self._table: KeyframeTable | None = None
        self._made: OrderedDict[_Wanted, _Made] = OrderedDict()
        self._sights: OrderedDict[KeyframeKey, Sight] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._made)

    def of(self, key: KeyframeKey) -> Landmarks:
        """The landmarks of a keyframe.

        Raises:
            NoLandmarksError: it has none, and why.
            MapError: the map cannot be read.
        """
        table = self._map.table
        if table is not self._table:
            self._table, self._bytes = table, 0
            self._made.clear()
            self._sights.clear()
        row = table.row_of(key)
        if row is None:
            raise NoLandmarksError("the keyframe is not in the map any more")
        around = neighbors(table, row, mount_of(self._map.camera_of(key)))
        wanted = (key, *(each.key for each in around))
        if wanted not in self._made:
            self._put(wanted, self._make(key, around, table.pose(row) is not None))
        self._made.move_to_end(wanted)
        made = self._made[wanted]
        if isinstance(made, str):
            raise NoLandmarksError(made)
        return made

    def _make(self, key: KeyframeKey, around: list[Neighbor], has_pose: bool) -> _Made:
        if not has_pose:
            return "the keyframe has no pose: map with odometry"
        try:
            anchor = self._sight(key)
            return triangulated(anchor, list(self._views(around)))
        except (NoLandmarksError, CameraError) as error:
            return str(error)

    def _views(self, around: list[Neighbor]) -> Iterator[View]:
        """Those of neighbors that have points: of a map, a part may have been made without."""
        for each in around:
            with suppress(NoLandmarksError):
                yield View(each.key, self._sight(each.key), each.neighbor_T_keyframe)

    def _sight(self, key: KeyframeKey) -> Sight:
        if key not in self._sights:
            points = self._map.points_of(key)
            if points is None:
                raise NoLandmarksError("the map has no points: map again with points = sift")
            self._sights[key] = Sight.of(points, self._map.camera_of(key))
        if len(self._sights) > _SIGHTS:
            self._sights.popitem(last=False)
        return self._sights[key]

    def _put(self, wanted: _Wanted, made: _Made) -> None:
        self._made[wanted] = made
        self._bytes += _size(made)
        while self._bytes > self._capacity and len(self._made) > 1:
            self._bytes -= _size(self._made.popitem(last=False)[1])


def _size(made: _Made) -> int:
    return _EMPTY if isinstance(made, str) else made.size_bytes
