# SPDX-License-Identifier: Apache-2.0
"""The keyframes of a map as arrays: where, when and in which drive each was taken."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vpr_ros.config import DecisionConfig
from vpr_ros.datatypes import KeyframeRecord

Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

NO_FRAME = -1  # a keyframe without a pose
_NOWHERE = (math.nan, math.nan, math.nan)


class KeyframeTable:
    """Keyframes in the order they were appended; K is their number."""

    def __init__(self, records: Sequence[KeyframeRecord] = ()) -> None:
        self.ids: Numbers = np.empty(0, np.int64)
        self.stamps_ns: Numbers = np.empty(0, np.int64)
        self.sessions: Numbers = np.empty(0, np.int64)  # [K] number of the drive
        self.frames: Numbers = np.empty(0, np.int64)  # [K] number of the pose's frame, or NO_FRAME
        self.cameras: Numbers = np.empty(0, np.int64)  # [K] number of the camera
        self.positions: Reals = np.empty((0, 3))  # [K, 3] meters, NaN without a pose
        self.drives: list[slice] = []  # the rows of each session, in order
        self._session_numbers: dict[Hashable, int] = {}
        self._frame_numbers: dict[Hashable, int] = {}
        self._camera_numbers: dict[Hashable, int] = {}
        self.append(records)

    def __len__(self) -> int:
        return len(self.ids)

    def append(self, records: Sequence[KeyframeRecord]) -> None:
        """Take keyframes that are new in the map; ids ascend."""
        sessions = [_number(self._session_numbers, record.session) for record in records]
        poses = [record.pose for record in records]
        frames = [_number(self._frame_numbers, p.frame_id) if p else NO_FRAME for p in poses]
        cameras = [_number(self._camera_numbers, record.camera) for record in records]
        positions = np.array([p.position if p else _NOWHERE for p in poses], float)
        self.ids = _joined(self.ids, [record.keyframe_id for record in records])
        self.stamps_ns = _joined(self.stamps_ns, [record.stamp_ns for record in records])
        self.sessions = _joined(self.sessions, sessions)
        self.frames = _joined(self.frames, frames)
        self.cameras = _joined(self.cameras, cameras)
        joined = np.concatenate([self.positions, positions.reshape(-1, 3)])
        self.positions = np.asfortranarray(joined)  # axes are read one by one
        bounds = [0, *(np.flatnonzero(np.diff(self.sessions)) + 1).tolist(), len(self)]
        self.drives = [slice(start, stop) for start, stop in pairwise(bounds) if stop > start]

    def index_of(self, keyframe_id: int) -> int | None:
        """The row of a keyframe, None for one that is not known (yet)."""
        row = int(np.searchsorted(self.ids, keyframe_id))
        return row if row < len(self) and self.ids[row] == keyframe_id else None

    def near(self, row: int, rows: slice, config: DecisionConfig) -> Flags:
        """Which of these rows of one session, [len(rows)], show the place of one of them.

        The rule of ``recognizer.same_place`` within a session, for many keyframes at once.
        """
        comparable = self.frames[rows] == self.frames[row]
        if self.frames[row] == NO_FRAME or not comparable.all():
            seconds = np.abs(self.stamps_ns[rows] - self.stamps_ns[row]) * 1e-9
            near: Flags = seconds <= config.place_seconds
            if self.frames[row] == NO_FRAME:
                return near
            near &= ~comparable
        else:
            near = np.zeros(len(comparable), bool)
        near[self._within(config.place_radius, row, rows, comparable)] = True
        return near

    def _within(self, radius: float, row: int, rows: slice, allowed: Flags) -> Numbers:
        """Which of the allowed rows lie within a radius in meters of one of them."""
        here = self.positions[row]
        # One axis leaves few keyframes to look at on the others.
        close = np.flatnonzero(np.abs(self.positions[rows, 0] - here[0]) <= radius)
        x, y, z = (self.positions[rows][close] - here).T
        inside = np.hypot(np.hypot(x, y), z) <= radius
        found: Numbers = close[inside & allowed[close]]
        return found


def _number(known: dict[Hashable, int], name: Hashable) -> int:
    return known.setdefault(name, len(known))


def _joined(old: Numbers, new: Sequence[int]) -> Numbers:
    return np.concatenate([old, np.array(new, np.int64)])
