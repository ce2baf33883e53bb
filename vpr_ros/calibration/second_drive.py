# SPDX-License-Identifier: Apache-2.0
"""Where another drive of a map shows the place of a keyframe, told by agreement along the way.

Two drives of one route need not share a frame for their poses, and look-alikes mislead single
images. But keyframes that follow one another show places that follow one another: if the best
matches of a keyframe and of its neighbors in another drive go along that drive about as
fast as the neighbors go along theirs, and the match of the match is the keyframe again, then this
is the place. Matches that stay where they are while the neighbors move on are no agreement: one
keyframe may look like everything a little. No rerank score has a say in it, since it is rerank
scores that are to be judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vpr_ros.config import DecisionConfig
from vpr_ros.datatypes import FloatArray
from vpr_ros.place_map import Map
from vpr_ros.place_map.keyframe_table import Numbers

_STEPS = (-8, -4, 4, 8)  # keyframes of the same camera from the one that is asked for
_AGREEING = 3  # of them at least
_AROUND = 100  # keyframes to each side of the best match, among which neighbors' matches are sought
_DRIVES = 3  # that are asked for one keyframe at most, those with the best matches
_PACE = (0.3, 3.0)  # keyframes of the other drive for each of the own one


class Sight(NamedTuple):
    """A place in another drive."""

    drive: slice  # its rows
    center: int  # row of the keyframe that shows the place


class SecondDrives:
    """Finds keyframes' places in the other drives of a map."""

    def __init__(self, place_map: Map, decision: DecisionConfig) -> None:
        """Remember the map.

        Args:
            place_map: it is only read.
            decision: what makes a place, and whether drives of two maps may show the same.
        """
        self._map, self._decision = place_map, decision
        self._table = place_map.table

    def of(self, rows: Sequence[int], similarities: FloatArray) -> list[list[Sight]]:
        """For each keyframe, its places in other drives that agree on one, [len(rows)].

        Args:
            rows: of the keyframes.
            similarities: of all keyframes to these, [len(rows), K].

        Raises:
            MapError: the map cannot be read.
        """
        if len(self._table.drives) < 2:
            return [[] for _ in rows]
        pairs = zip(rows, similarities, strict=True)
        return self._mutual(rows, [self._sights(row, products) for row, products in pairs])

    def _sights(self, row: int, similarities: FloatArray) -> list[Sight]:
        """The places that the best matches of a keyframe show, if its neighbors agree."""
        way = self._way(row)
        if len(way.rows) < _AGREEING:
            return []
        sessions, best = self._table.sessions, []
        for drive in self._table.drives:
            is_other = sessions[drive.start] != sessions[row]
            if is_other and self._may_overlap(row, drive.start):
                center = int(np.argmax(similarities[drive])) + drive.start
                best.append(Sight(drive, center))
        best.sort(key=lambda sight: -similarities[sight.center])
        descriptors = self._map.descriptors(way.rows)
        return [sight for sight in best[:_DRIVES] if self._goes_along(sight, way, descriptors)]

    def _may_overlap(self, row: int, other: int) -> bool:
        return self._decision.maps_overlap or self._table.are_one_map(row, other)

    def _way(self, row: int) -> _Way:
        """The neighbors of a keyframe, in order; fewer at the ends of a drive."""
        same = self._same_camera(row, self._table.drive_of(row))
        steps = np.array(_STEPS)
        wanted = int(np.searchsorted(same, row)) + steps
        inside = (wanted >= 0) & (wanted < len(same))
        return _Way(steps[inside], same[wanted[inside]])

    def _goes_along(self, sight: Sight, way: _Way, descriptors: FloatArray) -> bool:
        """Whether the matches of the neighbors go along a drive as these go along theirs."""
        same = self._same_camera(sight.center, sight.drive)
        here = int(np.searchsorted(same, sight.center))
        first = max(here - _AROUND, 0)
        around = same[first : here + _AROUND + 1]
        best = np.argmax(self._map.similarities(descriptors, around), axis=1) + first
        pace = (best - here) / way.steps
        slowest, fastest = _PACE
        return int(((pace >= slowest) & (pace <= fastest)).sum()) >= _AGREEING

    def _mutual(self, rows: Sequence[int], found: list[list[Sight]]) -> list[list[Sight]]:
        """The places whose own best match lies where they were looked for from."""
        centers = [sight.center for sights in found for sight in sights]
        if not centers:
            return found
        descriptors = self._map.descriptors(np.array(centers, np.int64))
        similarities = iter(self._map.similarities(descriptors))
        return [
            [sight for sight in sights if self._is_back(row, next(similarities))]
            for row, sights in zip(rows, found, strict=True)
        ]

    def _is_back(self, row: int, similarities: FloatArray) -> bool:
        drive = self._table.drive_of(row)
        best = int(np.argmax(similarities[drive]))
        return bool(self._table.near(row, drive, self._decision)[best])

    def _same_camera(self, row: int, drive: slice) -> Numbers:
        """The rows of a drive that were taken by the camera of one of them."""
        cameras = self._table.cameras
        rows: Numbers = np.flatnonzero(cameras[drive] == cameras[row]) + drive.start
        return rows


class _Way(NamedTuple):
    """The neighbors of a keyframe."""

    steps: Numbers  # [N] keyframes from it
    rows: Numbers  # [N]
