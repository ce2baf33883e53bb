# SPDX-License-Identifier: Apache-2.0
"""Who is right: verdicts held against the true trajectories of the map's and the query's drive.

A frame *has a positive* when a keyframe of the map was taken near its true pose and looks the same
way. An accepted match is *right* when the matched keyframe was truly taken near the query. Frames
and keyframes whose stamps the true trajectory does not enclose cannot be judged, and are counted
apart instead of being guessed at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vpr_ros.datatypes import Pose, Recognition, Verdict
from vpr_ros.drives.tracks import MAX_GAP_S, Track, pose_buffer
from vpr_ros.evaluation.metrics import latency_percentiles
from vpr_ros.geometry.poses import angle, distance


class Truth:
    """The true trajectories of the drive that became the map and of the drive that is judged."""

    def __init__(
        self,
        map_track: Track,
        query_track: Track,
        positive_distance: float = 5.0,
        positive_angle: float = math.radians(45.0),
        right_distance: float = 10.0,
        max_gap: float = MAX_GAP_S,
    ) -> None:
        """Take both trajectories, given in one frame.

        Args:
            map_track: (stamp in nanoseconds, true pose) of the map's drive, in any order.
            query_track: the same of the judged drive.
            positive_distance: meters within which a keyframe shows the query's place.
            positive_angle: radians within which a keyframe looks the query's way.
            right_distance: meters within which an accepted match is right.
            max_gap: seconds between two true poses that are still interpolated.
        """
        self._map = _PoseLookup(map_track, max_gap)
        self._query = _PoseLookup(query_track, max_gap)
        self._positive_distance = positive_distance
        self._positive_angle = positive_angle
        self._right_distance = right_distance

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
        pose, match = self._query.at(query_stamp_ns), self._map.at(match_stamp_ns)
        if pose is None or match is None:
            return None
        return distance(pose, match) <= self._right_distance

    def query_pose(self, stamp_ns: int) -> Pose | None:
        """The true pose of the judged drive, None where it is unknown."""
        return self._query.at(stamp_ns)

    def map_pose(self, stamp_ns: int) -> Pose | None:
        """The true pose of the map's drive, None where it is unknown."""
        return self._map.at(stamp_ns)

    def _is_positive(self, pose: Pose, stamp_ns: int) -> bool:
        other = self._map.at(stamp_ns)
        if other is None or distance(pose, other) > self._positive_distance:
            return False
        return angle(pose, other) <= self._positive_angle


@dataclass(frozen=True)
class Answer:
    """What is judged of one frame's answer, wherever it came from."""

    stamp_ns: int
    verdict: Verdict
    match_stamp_ns: int | None = None  # the first candidate's, None without candidates
    timings_s: Mapping[str, float] = field(default_factory=dict)  # stage name -> seconds

    @classmethod
    def of(cls, recognition: Recognition) -> Answer:
        """What is judged of a recognizer's answer."""
        first = recognition.candidates[0].keyframe.stamp_ns if recognition.candidates else None
        timings_s = recognition.timings_s
        return cls(recognition.stamp_ns, recognition.verdict, first, timings_s)

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Answer:
        """What is judged of one line that ``localize --json`` wrote, parsed."""
        first = line["candidates"][0]["stamp_ns"] if line["candidates"] else None
        timings_s = {name: 1e-3 * value for name, value in line["timings_ms"].items()}
        return cls(line["stamp_ns"], Verdict[line["verdict"]], first, timings_s)


@dataclass(frozen=True)
class Latency:
    """Milliseconds that one stage took."""

    median: float
    p95: float
    max: float


@dataclass(frozen=True)
class Tally:
    """The answers to one drive, counted."""

    frames: int
    accepted: int
    ambiguous: int
    unknown: int
    right: int  # of the accepted
    wrong: int  # of the accepted
    unjudged: int  # of the accepted: the truth at their stamps is not known
    positives: int  # frames that the map shows
    found: int  # of the positives: accepted and right
    latency_ms: dict[str, Latency]  # stage -> milliseconds, "total" last

    @property
    def precision(self) -> float:
        """Right ones among the judged accepted ones, NaN if there are none."""
        judged = self.right + self.wrong
        return self.right / judged if judged else math.nan

    @property
    def recall(self) -> float:
        """Accepted and right ones among the frames with a positive, NaN if there are none."""
        return self.found / self.positives if self.positives else math.nan

    def to_json(self) -> dict[str, Any]:
        """All numbers as ``json.dumps`` takes them; NaN becomes None."""
        ratios = {"precision": self.precision, "recall": self.recall}
        nullable = {name: None if math.isnan(value) else value for name, value in ratios.items()}
        return {**asdict(self), **nullable}


def tally(answers: Iterable[Answer], truth: Truth, keyframe_stamps: Iterable[int]) -> Tally:
    """Count the answers to one drive.

    Args:
        answers: one for each frame.
        truth: the true trajectories.
        keyframe_stamps: stamps of the map's keyframes, nanoseconds.
    """
    every, stamps_ns = list(answers), list(keyframe_stamps)
    right = [_judged(answer, truth) for answer in every]
    positive = [truth.has_positive(answer.stamp_ns, stamps_ns) is True for answer in every]
    verdicts = [answer.verdict for answer in every]
    accepted = verdicts.count(Verdict.ACCEPTED)
    return Tally(
        frames=len(every),
        accepted=accepted,
        ambiguous=verdicts.count(Verdict.AMBIGUOUS),
        unknown=verdicts.count(Verdict.UNKNOWN),
        right=right.count(True),
        wrong=right.count(False),
        unjudged=accepted - right.count(True) - right.count(False),
        positives=positive.count(True),
        found=sum(r is True and p for r, p in zip(right, positive, strict=True)),
        latency_ms=latencies([answer.timings_s for answer in every]),
    )


def latencies(timings_s: Sequence[Mapping[str, float]]) -> dict[str, Latency]:
    """Median, 95th percentile and maximum of every stage and of the total, in milliseconds.

    Args:
        timings_s: stage name -> seconds, for each frame.
    """
    if not any(timings_s):
        return {}
    stages = latency_percentiles(timings_s, (50.0, 95.0, 100.0))
    return {
        name: Latency(*(1e3 * seconds for seconds in percentiles.values()))
        for name, percentiles in stages.items()
    }


def _judged(answer: Answer, truth: Truth) -> bool | None:
    """Whether an accepted match is right; None for other verdicts and where it is unknown."""
    if answer.verdict is not Verdict.ACCEPTED or answer.match_stamp_ns is None:
        return None
    return truth.is_right(answer.stamp_ns, answer.match_stamp_ns)


class _PoseLookup:
    """A pose buffer that interpolates every stamp once: maps are asked for the same ones."""

    def __init__(self, track: Track, max_gap: float) -> None:
        self._buffer = pose_buffer(track, max_gap)
        self._known: dict[int, Pose | None] = {}

    def at(self, stamp_ns: int) -> Pose | None:
        if stamp_ns not in self._known:
            self._known[stamp_ns] = self._buffer.at(stamp_ns)
        return self._known[stamp_ns]
