# SPDX-License-Identifier: Apache-2.0
"""Who is right: answers held against the true trajectories of the map's and the query's drive.

A frame *has a positive* when a keyframe of the map was taken near its true pose and looks the same
way. A match is *right* when the matched keyframe was truly taken near the query. Frames and
keyframes whose stamps the true trajectory does not enclose cannot be judged, and are counted apart
instead of being guessed at.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vpr_ros.datatypes import Pose, Recognition, Verdict
from vpr_ros.drives.tracks import Track, pose_buffer
from vpr_ros.evaluation.metrics.cost import Latency, latencies
from vpr_ros.evaluation.metrics.pose_errors import PoseErrors, PoseOf, pose_errors
from vpr_ros.evaluation.outcomes import Outcomes
from vpr_ros.geometry.poses import angle, distance


@dataclass(frozen=True)
class Limits:
    """What is right."""

    positive_distance: float = 5.0  # meters within which a keyframe shows a place
    positive_angle: float = math.radians(45.0)  # radians that it may look another way
    right_distance: float = 10.0  # meters within which an accepted match is right


class Truth:
    """The true trajectories of the drive that became the map and of the drive that is judged.

    Attributes:
        map_pose: gives the true pose of the map's drive at a stamp, None where it is unknown.
        query_pose: the same of the judged drive.
    """

    def __init__(self, map_track: Track, query_track: Track, limits: Limits | None = None) -> None:
        """Take both trajectories, given in one frame, in any order of their stamps (ns)."""
        # Every stamp is interpolated once: maps are asked for the same ones.
        self.map_pose = functools.cache(pose_buffer(map_track).at)
        self.query_pose = functools.cache(pose_buffer(query_track).at)
        self.limits = limits or Limits()

    def has_positive(self, query_stamp_ns: int, keyframe_stamps: Iterable[int]) -> bool | None:
        """Whether a keyframe shows the query's place; None where the query's pose is unknown."""
        pose = self.query_pose(query_stamp_ns)
        if pose is None:
            return None
        return any(self._is_positive(pose, stamp_ns) for stamp_ns in keyframe_stamps)

    def is_right(self, query_stamp_ns: int, match_stamp_ns: int) -> bool | None:
        """Whether the matched keyframe was taken near the query; None where that is unknown."""
        meters = self.error_m(query_stamp_ns, match_stamp_ns)
        return None if meters is None else meters <= self.limits.right_distance

    def error_m(self, query_stamp_ns: int, match_stamp_ns: int) -> float | None:
        """Meters between the true places of query and match; None where nobody knows."""
        pose, match = self.query_pose(query_stamp_ns), self.map_pose(match_stamp_ns)
        return None if pose is None or match is None else distance(pose, match)

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
        numbers: dict[int | None, int] = {stamp: number for number, stamp in enumerate(database)}
        matches = [
            a.candidates[0].keyframe.stamp_ns if a and a.candidates else None for a in answers
        ]
        right = [
            self.is_right(answer.stamp_ns, match) if answer and match is not None else None
            for answer, match in zip(answers, matches, strict=True)
        ]
        findable = [bool(a and self.has_positive(a.stamp_ns, keyframe_stamps)) for a in answers]
        return Outcomes(
            np.array([numbers.get(match, -1) for match in matches], np.int64),
            np.array([each is True for each in right], np.bool_),
            np.array(findable, np.bool_),
            np.array([each is not None for each in right], np.bool_),
            np.array([bool(a and a.verdict is Verdict.ACCEPTED) for a in answers], np.bool_),
            np.array([a.probability if a else 0.0 for a in answers], np.float64),
        )

    def _is_positive(self, pose: Pose, stamp_ns: int) -> bool:
        other = self.map_pose(stamp_ns)
        if other is None or distance(pose, other) > self.limits.positive_distance:
            return False
        return angle(pose, other) <= self.limits.positive_angle


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

    @classmethod
    def of(cls, answers: Sequence[Recognition | None], outcomes: Outcomes) -> Tally:
        """Count the answers, [Q], and what became of them."""
        given = [answer for answer in answers if answer is not None]
        verdicts = [answer.verdict for answer in given]
        judged = outcomes.accepted & outcomes.judged
        return cls(
            frames=len(given),
            accepted=verdicts.count(Verdict.ACCEPTED),
            ambiguous=verdicts.count(Verdict.AMBIGUOUS),
            unknown=verdicts.count(Verdict.UNKNOWN),
            right=int((judged & outcomes.right).sum()),
            wrong=int((judged & ~outcomes.right).sum()),
            unjudged=int((outcomes.accepted & ~outcomes.judged).sum()),
            positives=int(outcomes.findable.sum()),
            found=int((judged & outcomes.right & outcomes.findable).sum()),
            latency_ms=latencies([answer.timings_s for answer in given]),
        )

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


@dataclass(frozen=True)
class Verdicts:
    """The answers to Q images of a drive, judged."""

    tally: Tally
    outcomes: Outcomes  # [Q]
    keyframes: int  # in the map
    causes: Mapping[str, int]  # why answers were not accepted, the most frequent first
    limits: Limits
    poses: PoseErrors  # of the accepted answers

    @classmethod
    def of(
        cls,
        answers: Sequence[Recognition | None],
        truth: Truth,
        keyframe_stamps: Sequence[int],
        database_stamps: Sequence[int] | None = None,
        pose_of: PoseOf = lambda key: None,
    ) -> Verdicts:
        """Judge answers; ``pose_of`` gives poses in the map, the rest is for ``Truth.outcomes``."""
        outcomes = truth.outcomes(answers, keyframe_stamps, database_stamps)
        tally = Tally.of(answers, outcomes)
        refused = (a.cause.value for a in answers if a and a.verdict is not Verdict.ACCEPTED)
        causes = dict(Counter(refused).most_common())
        poses = pose_errors(answers, pose_of, truth.map_pose, truth.query_pose)
        return cls(tally, outcomes, len(keyframe_stamps), causes, truth.limits, poses)
