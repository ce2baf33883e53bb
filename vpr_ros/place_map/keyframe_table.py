# SPDX-License-Identifier: Apache-2.0
"""The keyframes of a map as columns: where, when and in which drive each was taken.

Whoever asks something of all keyframes asks these arrays; records are made of the few rows that an
answer names. K is the number of keyframes, M of the rows that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vpr_ros.config import DecisionConfig
from vpr_ros.datatypes import KeyframeKey, KeyframeRecord, Pose

Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]
Name = TypeVar("Name")

NO_FRAME = -1  # a keyframe without a pose
_NOWHERE = (float("nan"),) * 7


@dataclass(frozen=True)
class Columns:
    """M keyframes of one map, in order; what is numbered counts the names beside it."""

    ids: Numbers  # [M] ascending
    stamps_ns: Numbers  # [M]
    sessions: Numbers  # [M]
    frames: Numbers  # [M] of the poses, or NO_FRAME
    cameras: Numbers  # [M]
    poses: Reals  # [M, 7] position in meters, quaternion x, y, z, w; NaN without a pose
    session_names: Sequence[str]
    frame_names: Sequence[str]
    camera_names: Sequence[str]

    @classmethod
    def of(cls, record: KeyframeRecord) -> Columns:
        """A single keyframe."""
        pose, zero = record.pose, np.zeros(1, np.int64)
        return cls(
            np.array([record.key.id], np.int64),
            np.array([record.stamp_ns], np.int64),
            zero,
            zero if pose else np.array([NO_FRAME], np.int64),
            zero,
            np.array([(*pose.position, *pose.orientation) if pose else _NOWHERE], float),
            [record.session],
            [pose.frame_id] if pose else [],
            [record.camera],
        )


class KeyframeTable:
    """Keyframes of one map, or of several one map after the other.

    A table only grows. One in which keyframes are gone or have other poses is another object, so
    that whoever keeps something of every row sees by it whether the rows are still the same.
    """

    def __init__(self, records: Iterable[KeyframeRecord] = ()) -> None:
        self._count = 0
        self._ids, self._stamps_ns = _Column(np.int64), _Column(np.int64)
        self._sessions, self._frames, self._cameras = (_Column(np.int64) for _ in range(3))
        self._poses = _Column(np.float64, 7)
        self._maps: dict[str, range] = {}  # uuid -> its rows
        self._map_names: dict[str, str] = {}
        self._session_names: _Names[tuple[str, str]] = _Names()  # of pairs (uuid, session)
        self._frame_names: _Names[str] = _Names()
        self._camera_names: _Names[str] = _Names()
        self.drives: list[slice] = []  # the rows of each session, in order
        for record in records:
            self.append(record.key.map, Columns.of(record), record.map_name)

    def __len__(self) -> int:
        return self._count

    @property
    def ids(self) -> Numbers:
        """Numbers of the keyframes in their maps, [K]."""
        return self._ids.first(self._count)

    @property
    def stamps_ns(self) -> Numbers:
        """Stamps of the images, [K]."""
        return self._stamps_ns.first(self._count)

    @property
    def sessions(self) -> Numbers:
        """Numbers of the drives, [K]."""
        return self._sessions.first(self._count)

    @property
    def frames(self) -> Numbers:
        """Numbers of the poses' frames, or NO_FRAME, [K]."""
        return self._frames.first(self._count)

    @property
    def cameras(self) -> Numbers:
        """Numbers of the cameras, [K]."""
        return self._cameras.first(self._count)

    @property
    def positions(self) -> Reals:
        """Meters, NaN without a pose, [K, 3]; the values of one axis lie side by side."""
        return self._poses.first(self._count)[:, :3]

    @property
    def orientations(self) -> Reals:
        """Quaternions x, y, z, w, NaN without a pose, [K, 4]."""
        return self._poses.first(self._count)[:, 3:]

    def append(self, uuid: str, columns: Columns, map_name: str = "") -> None:
        """Add keyframes of a map behind those that there are; ids of one map ascend.

        Args:
            uuid: of the map; one that has rows already must be the last that got any.
            columns: the keyframes.
            map_name: of the map, for people; empty where there is but one.
        """
        start, added = self._count, len(columns.ids)
        rows = self._maps.get(uuid, range(start, start))
        if rows.stop != start:
            raise ValueError(f"map {uuid} does not end the table")
        names = [(uuid, name) for name in columns.session_names]
        sessions = self._session_names.numbers(names, columns.sessions)
        self._ids.put(start, columns.ids)
        self._stamps_ns.put(start, columns.stamps_ns)
        self._sessions.put(start, sessions)
        self._frames.put(start, self._frame_names.numbers(columns.frame_names, columns.frames))
        self._cameras.put(start, self._camera_names.numbers(columns.camera_names, columns.cameras))
        self._poses.put(start, columns.poses)
        self._count += added
        self._maps[uuid] = range(rows.start, self._count)
        self._map_names[uuid] = map_name
        self._add_drives(start, sessions)

    def columns(self, start: int = 0) -> Columns:
        """The keyframes from a row on, of a table of one map."""
        rows = slice(start, self._count)
        return Columns(
            self.ids[rows],
            self.stamps_ns[rows],
            self.sessions[rows],
            self.frames[rows],
            self.cameras[rows],
            self._poses.first(self._count)[rows],
            [name for _, name in self._session_names],
            self._frame_names,
            self._camera_names,
        )

    def snapshot(self) -> KeyframeTable:
        """The keyframes of this moment, for another thread or to come back to."""
        other = copy(self)
        other._maps, other._map_names = dict(self._maps), dict(self._map_names)
        return other

    def taken(self, rows: Numbers | slice) -> KeyframeTable:
        """A table of some of the rows, in their order."""
        other = KeyframeTable()
        for uuid, own in self._maps.items():
            chosen = np.arange(self._count)[rows]
            chosen = chosen[(chosen >= own.start) & (chosen < own.stop)]
            part = self._part(uuid, chosen)
            other.append(uuid, part, self._map_names[uuid])
        return other

    def with_poses(self, rows: Numbers, poses: Reals, frames: Sequence[str]) -> KeyframeTable:
        """The same keyframes, some of them with other poses.

        Args:
            rows: which, [M].
            poses: position and quaternion, [M, 7].
            frames: what they are given in, [M].
        """
        other = self.snapshot()
        other._poses, other._frames = self._poses.copied(), self._frames.copied()
        other._frame_names = _Names(self._frame_names)
        other._poses.first(self._count)[rows] = poses
        numbers = np.arange(len(frames))
        other._frames.first(self._count)[rows] = other._frame_names.numbers(frames, numbers)
        return other

    def row_of(self, key: KeyframeKey) -> int | None:
        """The row of a keyframe, None for one that is not known (yet)."""
        rows = self._maps.get(key.map)
        if rows is None:
            return None
        row = rows.start + int(np.searchsorted(self.ids[rows.start : rows.stop], key.id))
        return row if row < rows.stop and self.ids[row] == key.id else None

    def rows_of(self, keys: Iterable[KeyframeKey]) -> Numbers:
        """The rows of keyframes, without those that are not known."""
        rows = [row for row in map(self.row_of, keys) if row is not None]
        return np.array(rows, np.int64)

    def rows_in(self, other: KeyframeTable) -> Numbers:
        """The row that each keyframe has in another table, -1 where it is not there, [K]."""
        rows = np.full(len(self), -1, np.int64)
        for uuid, own in self._maps.items():
            theirs = other._maps.get(uuid, range(0))
            ids = other.ids[theirs.start : theirs.stop]
            wanted = self.ids[own.start : own.stop]
            places = np.minimum(np.searchsorted(ids, wanted), max(len(ids) - 1, 0))
            if len(ids):
                places = np.where(ids[places] == wanted, places + theirs.start, -1)
                rows[own.start : own.stop] = places
        return rows

    def key(self, row: int) -> KeyframeKey:
        """The name of the keyframe in a row."""
        return KeyframeKey(self._uuid(row), int(self.ids[row]))

    def keys(self, rows: Iterable[int]) -> list[KeyframeKey]:
        """The names of the keyframes in some rows."""
        return [self.key(row) for row in rows]

    def pose(self, row: int) -> Pose | None:
        """Where the robot was, None for a keyframe without a pose."""
        frame = int(self.frames[row])
        if frame == NO_FRAME:
            return None
        x, y, z, qx, qy, qz, qw = self._poses.first(self._count)[row].tolist()
        return Pose((x, y, z), (qx, qy, qz, qw), self._frame_names[frame])

    def pose_of(self, key: KeyframeKey) -> Pose | None:
        """The same of a keyframe by its name; None, too, for one that is not known."""
        row = self.row_of(key)
        return None if row is None else self.pose(row)

    def record(self, row: int) -> KeyframeRecord:
        """Everything that this table knows of a keyframe."""
        uuid, session = self._session_names[int(self.sessions[row])]
        return KeyframeRecord(
            KeyframeKey(uuid, int(self.ids[row])),
            session,
            int(self.stamps_ns[row]),
            self.pose(row),
            self._camera_names[int(self.cameras[row])],
            self._map_names[uuid],
        )

    def records(self, rows: Iterable[int] | None = None) -> list[KeyframeRecord]:
        """The keyframes in some rows, or all: one object for each, so nothing for every frame."""
        return [self.record(row) for row in (range(self._count) if rows is None else rows)]

    def drive_of(self, row: int) -> slice:
        """The one of ``drives`` that a row is in."""
        return next(drive for drive in self.drives if row < drive.stop)

    def session_of(self, drive: slice) -> str:
        """The name of the session of one of ``drives``."""
        return self.session_name(int(self.sessions[drive.start]))

    def session_name(self, number: int) -> str:
        """The name of the session that ``sessions`` numbers so."""
        return self._session_names[number][1]

    def rows_of_session(self, name: str) -> Numbers:
        """The rows of the drives of this name."""
        drives = [np.arange(d.start, d.stop) for d in self.drives if self.session_of(d) == name]
        return np.concatenate([np.empty(0, np.int64), *drives])

    def frame_numbers(self, names: Sequence[str]) -> Numbers:
        """The numbers that ``frames`` uses for these names, NO_FRAME for unknown ones."""
        numbers = {name: number for number, name in enumerate(self._frame_names)}
        return np.array([numbers.get(name, NO_FRAME) for name in names], np.int64)

    def frame_name(self, number: int) -> str:
        """The frame that ``frames`` numbers so."""
        return self._frame_names[number]

    def are_one_map(self, row: int, other: int) -> bool:
        """Whether two rows are of one map."""
        return self._uuid(row) == self._uuid(other)

    def near(self, row: int, rows: slice, config: DecisionConfig) -> Flags:
        """Which of these rows of one session, [len(rows)], show the place of one of them.

        The rule of ``decision.same_place`` within a session, for many keyframes at once.
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
        positions = self.positions
        here = positions[row]
        # One axis leaves few keyframes to look at on the others.
        close = np.flatnonzero(np.abs(positions[rows, 0] - here[0]) <= radius)
        x, y, z = (positions[rows][close] - here).T
        inside = np.hypot(np.hypot(x, y), z) <= radius
        within: Numbers = close[inside & allowed[close]]
        return within

    def _uuid(self, row: int) -> str:
        return next(uuid for uuid, rows in self._maps.items() if row in rows)

    def _part(self, uuid: str, rows: Numbers) -> Columns:
        names = [name if owner == uuid else "" for owner, name in self._session_names]
        return Columns(
            self.ids[rows],
            self.stamps_ns[rows],
            self.sessions[rows],
            self.frames[rows],
            self.cameras[rows],
            self._poses.first(self._count)[rows],
            names,
            self._frame_names,
            self._camera_names,
        )

    def _add_drives(self, start: int, sessions: Numbers) -> None:
        borders = np.flatnonzero(np.diff(sessions)) + start + 1
        bounds = [start, *borders.tolist(), start + len(sessions)]
        added = [slice(low, high) for low, high in pairwise(bounds) if high > low]
        if added and self.drives and self.sessions[start] == self.sessions[start - 1]:
            added[0] = slice(self.drives[-1].start, added[0].stop)
            self.drives = self.drives[:-1]
        self.drives = [*self.drives, *added]


class _Names(list[Name], Generic[Name]):
    """Names in the order they came, each once."""

    def __init__(self, names: Iterable[Name] = ()) -> None:
        super().__init__(names)
        self._number_of = {name: number for number, name in enumerate(self)}

    def numbers(self, names: Sequence[Name], used: Numbers) -> Numbers:
        """Own numbers of names that are numbered otherwise; negative numbers stay as they are.

        Args:
            names: of the other numbers.
            used: the other numbers, [M]; a name that no row uses is not taken over.
        """
        own = np.full(len(names) + 1, -1, np.int64)
        counts = np.bincount(used[used >= 0], minlength=1)
        for number in np.flatnonzero(counts).tolist():
            own[number] = self._number(names[number])
        return np.asarray(np.where(used < 0, used, own[used]))

    def _number(self, name: Name) -> int:
        if name not in self._number_of:
            self._number_of[name] = len(self)
            self.append(name)
        return self._number_of[name]


class _Column:
    """Values that more are added to: on average at one cost, however many there are."""

    def __init__(self, dtype: type[np.generic], width: int = 0) -> None:
        self._rows = np.empty((max(width, 1), 0), dtype)
        self._is_wide = width > 0

    def first(self, count: int) -> NDArray[Any]:
        """The first values, [count] or [count, width]."""
        return self._rows[:, :count].T if self._is_wide else self._rows[0, :count]

    def put(self, start: int, values: NDArray[Any]) -> None:
        """Write values behind those that there are."""
        stop = start + len(values)
        if stop > self._rows.shape[1]:
            room = max(stop, 2 * start)
            rows = np.empty((len(self._rows), room), self._rows.dtype)
            rows[:, :start] = self._rows[:, :start]
            self._rows = rows
        self._rows[:, start:stop] = values.T

    def copied(self) -> _Column:
        """The same values, that may be changed alone."""
        other = copy(self)
        other._rows = self._rows.copy()
        return other
