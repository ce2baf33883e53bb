# SPDX-License-Identifier: Apache-2.0
"""Who is right: answers held against the true trajectories of the map's and the query's drive.

A frame *has a positive* when a keyframe of the map was taken near its true pose and looks the same
way. A match is *right* when the matched keyframe was truly taken near the query. Frames and
keyframes whose stamps the true trajectory does not enclose cannot be judged, and are counted apart
instead of being guessed at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vpr_ros.datatypes import Pose, Recognition, Verdict
from vpr_ros.drives.tracks import MAX_GAP_S, Track, pose_buffer
from vpr_ros.evaluation.outcomes import Outcomes
from vpr_ros.geometry.poses import angle, distance


@dataclass(frozen=True)
class Limits:
    """What is right."""

    positive_distance: float = 5.0  # meters within which a keyframe shows a place
    positive_angle: float = math.radians(45.0)  # radians that it may look another way
    right_distance: float = 10.0  # meters within which an accepted match is right


class Truth:
    """The true trajectories of the drive that became the map and of the drive that is judged."""

    def __init__(
        self,
        map_track: Track,
        query_track: Track,
        limits: Limits | None = None,
        max_gap: float = MAX_GAP_S,
    ) -> None:
        """Take both trajectories, given in one frame.

        Args:
            map_track: (stamp in nanoseconds, true pose) of the map's drive, in any order.
            query_track: the same of the judged drive.
            limits: what is right.
            max_gap: seconds between two true poses that are still interpolated.
        """
        self._map = _PoseLookup(map_track, max_gap)
        self._query = _PoseLookup(query_track, max_gap)
        self.limits = limits or Limits()

    def has_positive(self, query_stamp_ns: int, keyframe_stamps: Iterable[int]) -> bool | None:
        """Whether a keyframe shows the query's place; None where the query's pose is unknown.

        Args:
            query_stamp_ns: stamp of the query.
            keyframe_stamps: stamps of the map's keyframes, nanoseconds.
        """
        pose = self._query.at(query_stamp_ns)
        if pose is None:
            return None
        return any(self._is_positive(pose, stamp_ns) for stamp_ns in keyframe_stamps)

    def is_right(self, query_stamp_ns: int, match_stamp_ns: int) -> bool | None:
        """Whether the matched keyframe was taken near the query; None where that is unknown."""
        meters = self.error_m(query_stamp_ns, match_stamp_ns)
        return None if meters is None else meters <= self.limits.right_distance

    def error_m(self, query_stamp_ns: int, match_stamp_ns: int) -> float | None:
        """Meters between the true places of query and match; None where nobody knows."""
        pose, match = self._query.at(query_stamp_ns), self._map.at(match_stamp_ns)
        return None if pose is None or match is None else distance(pose, match)

    def query_pose(self, stamp_ns: int) -> Pose | None:
        """The true pose of the judged drive, None where it is unknown."""
        return self._query.at(stamp_ns)

    def map_pose(self, stamp_ns: int) -> Pose | None:
        """The true pose of the map's drive, None where it is unknown."""
        return self._map.at(stamp_ns)

    def outcomes(
        self,
        answers: Sequence[Recognition | None],
        keyframe_stamps: Sequence[int],
        database_stamps: Sequence[int] | None = None,
    ) -> Outcomes:
        """What became of Q queries.

        Args:
            answers: [Q] of the localizer; None for images that could not be described.
            keyframe_stamps: stamps of the map's keyframes, nanoseconds.
            database_stamps: stamps of the images that ``best`` counts; by default the keyframes.
        """
        database = keyframe_stamps if database_stamps is None else database_stamps
        numbers = {stamp: number for number, stamp in enumerate(database)}
        rows = [self._row(answer, keyframe_stamps, numbers) for answer in answers]
        best, right, findable, judged, accepted, sure = np.array(rows, float).reshape(-1, 6).T
        return Outcomes(
            best.astype(np.int64),
            right.astype(np.bool_),
            findable.astype(np.bool_),
            judged.astype(np.bool_),
            accepted.astype(np.bool_),
            sure,
        )

    def _row(
        self, answer: Recognition | None, keyframe_stamps: Sequence[int], numbers: dict[int, int]
    ) -> tuple[float, ...]:
        """One row of the table, in the order of its columns."""
        if answer is None:
            return -1, False, False, False, False, 0.0
        findable = self.has_positive(answer.stamp_ns, keyframe_stamps)
        match_ns = answer.candidates[0].keyframe.stamp_ns if answer.candidates else None
        right = None if match_ns is None else self.is_right(answer.stamp_ns, match_ns)
        best = -1 if match_ns is None else numbers.get(match_ns, -1)
        accepted = answer.verdict is Verdict.ACCEPTED
        judged = right is not None
        return best, right is True, findable is True, judged, accepted, answer.probability

    def _is_positive(self, pose: Pose, stamp_ns: int) -> bool:
        other = self._map.at(stamp_ns)
        if other is None or distance(pose, other) > self.limits.positive_distance:
            return False
        return angle(pose, other) <= self.limits.positive_angle


class _PoseLookup:
    """A pose buffer that interpolates every stamp once: maps are asked for the same ones."""

    def __init__(self, track: Track, max_gap: float) -> None:
        self._buffer = pose_buffer(track, max_gap)
        self._poses: dict[int, Pose | None] = {}

    def at(self, stamp_ns: int) -> Pose | None:
        if stamp_ns not in self._poses:
            self._poses[stamp_ns] = self._buffer.at(stamp_ns)
        return self._poses[stamp_ns]
