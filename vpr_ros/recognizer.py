# SPDX-License-Identifier: Apache-2.0
"""From an image to a verdict: retrieve, rerank, decide, and say why."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from vpr_ros.calibration_curve import Calibration
from vpr_ros.config import DecisionConfig
from vpr_ros.datatypes import (
    Candidate,
    Comparison,
    Features,
    Judgment,
    KeyframeRecord,
    Pose,
    Query,
    Recognition,
    Verdict,
)
from vpr_ros.decision import decide
from vpr_ros.place_map import MapSet, PlaceMap
from vpr_ros.rerankers.base import Reranker
from vpr_ros.rerankers.matches import Matches, matched_points
from vpr_ros.sequence import Belief, Look, SequenceTracker

_BELIEVED = 20  # keyframes that an answer names with their probability
_MATTERS = 0.01  # probability from which it does


class PlaceRecognizer:
    """Answers one image at a time from one map."""

    def __init__(
        self,
        place_map: PlaceMap | MapSet,
        reranker: Reranker,
        config: DecisionConfig,
        calibration: Calibration,
        tracker: SequenceTracker | None = None,
    ) -> None:
        self._map = place_map
        self._reranker = reranker
        self._config = config
        self._calibration = calibration
        self._tracker = tracker

    def answer(self, query: Query, exclude: Collection[int] = ()) -> Recognition:
        """Where the map shows an image's place, in the light of those before it if so set.

        Raises:
            MapError: the map's file became unreadable.
        """
        name = "" if query.camera is None else query.camera.name
        return self._tracked(
            query.features, query.stamp_ns, query.odometry, exclude, StageClock(), name
        )

    def answer_alone(self, query: Query, exclude: Collection[int] = ()) -> Recognition:
        """Where the map shows an image's place, whatever was seen before; nothing is kept.

        Raises:
            MapError: the map's file became unreadable.
        """
        return self._alone(query.features, query.stamp_ns, exclude, StageClock())

    def reload(self) -> None:
        """Take over poses that were corrected in the map."""
        if self._tracker is not None:
            self._tracker.reload()

    def _tracked(
        self,
        query: Features,
        stamp_ns: int,
        odometry: Pose | None,
        exclude: Collection[int],
        clock: StageClock,
        camera: str = "",
    ) -> Recognition:
        if self._tracker is None:
            return self._alone(query, stamp_ns, exclude, clock)
        candidates = self._compare(query, exclude, clock)
        similarities = None
        if self._tracker.needs_similarities:
            similarities = self._map.similarities(query.global_descriptor)
        look = Look(candidates, query.global_descriptor, similarities, camera)
        belief, judgment = self._tracker.decide(stamp_ns, odometry, look)
        clock.lap("sequence")
        alone = self._enough_alone(candidates, judgment, belief)
        if alone is None:
            candidates = self._led_by(belief, candidates, query)
        believed = _likeliest(belief, self._map.records())
        clock.lap("decide")
        answer = _answer(stamp_ns, alone or judgment, candidates, clock.laps, believed)
        return replace(answer, maps=self._map.shares())

    def _alone(
        self, query: Features, stamp_ns: int, exclude: Collection[int], clock: StageClock
    ) -> Recognition:
        candidates = self._compare(query, exclude, clock)
        judgment = decide(candidates, self._config, self._calibration)
        clock.lap("decide")
        answer = _answer(stamp_ns, judgment, candidates, clock.laps)
        return replace(answer, maps=self._map.shares())

    def matches(self, query: Features, candidate: Candidate) -> Matches:
        """The matched points of an image and a keyframe, for people to look at.

        Raises:
            MapError: there is no such keyframe, or it is damaged.
        """
        (features,) = self._map.features_of([candidate.keyframe.keyframe_id])
        comparison = candidate.comparison
        if comparison is None:  # believed in, and not retrieved
            (comparison,) = self._reranker.compare(query, [features])
        return matched_points(query, features, comparison)

    def _compare(
        self, query: Features, exclude: Collection[int], clock: StageClock
    ) -> tuple[Candidate, ...]:
        found = self._map.search(query.global_descriptor, self._config.candidates, exclude)
        clock.lap("retrieve")
        features = self._map.features_of([record.keyframe_id for record, _ in found])
        clock.lap("load")
        compared = self._reranker.compare(query, features)
        clock.lap("rerank")
        return _ranked(found, compared)

    def _enough_alone(
        self, candidates: Sequence[Candidate], judgment: Judgment, belief: Belief
    ) -> Judgment | None:
        """What an image says by itself, if that is enough: before a sequence agrees with it.

        A sequence counts images of one view as parts of a look, and so takes its time to be sure.
        It may take back what an image says only if it holds another place for likelier than not.
        """
        if judgment.verdict is Verdict.ACCEPTED:
            return None
        alone = decide(candidates, self._config, self._calibration)
        if alone.verdict is not Verdict.ACCEPTED:
            return None
        agrees = belief.mass <= 0.5 or candidates[0].keyframe.keyframe_id in belief.place
        return alone if agrees else None

    def _led_by(
        self, belief: Belief, candidates: tuple[Candidate, ...], query: Features
    ) -> tuple[Candidate, ...]:
        """The candidates with one of the believed place first.

        That is the one that agrees best with the image, or else the likeliest keyframe, which may
        not have been retrieved.
        """
        if belief.best is None:
            return candidates
        agreeing = (c for c in candidates if c.keyframe.keyframe_id in belief.place)
        first = next(agreeing, None)
        if first is None or not self._speaks(first):
            retrieved = (c for c in candidates if c.keyframe.keyframe_id == belief.best)
            first = next(retrieved, None) or self._unseen(belief.best, query)
        return first, *(c for c in candidates if c.keyframe != first.keyframe)

    def _speaks(self, candidate: Candidate) -> bool:
        """Whether the image by itself is more for a candidate than against it."""
        comparison = candidate.comparison
        if comparison is None or comparison.is_zoomed(self._config.max_zoom):
            return False
        return self._calibration.log_odds(comparison.score) >= 0.0

    def _unseen(self, keyframe_id: int, query: Features) -> Candidate:
        (features,) = self._map.features_of([keyframe_id])
        similarity = float(np.dot(features.global_descriptor, query.global_descriptor))
        return Candidate(self._map.record(keyframe_id), similarity)


def _answer(
    stamp_ns: int,
    judgment: Judgment,
    candidates: tuple[Candidate, ...],
    timings_s: dict[str, float],
    believed: tuple[tuple[int, float], ...] = (),
) -> Recognition:
    verdict, reason, probability, cause = judgment
    return Recognition(
        stamp_ns, verdict, reason, probability, candidates, timings_s, cause, believed
    )


def _likeliest(belief: Belief, records: Sequence[KeyframeRecord]) -> tuple[tuple[int, float], ...]:
    """The keyframes that the belief is about, the likeliest first."""
    rows = np.flatnonzero(belief.keyframes >= _MATTERS)
    rows = rows[np.argsort(-belief.keyframes[rows], kind="stable")][:_BELIEVED]
    return tuple((records[row].keyframe_id, float(belief.keyframes[row])) for row in rows.tolist())


def _ranked(
    found: Sequence[tuple[KeyframeRecord, float]], compared: Sequence[Comparison]
) -> tuple[Candidate, ...]:
    candidates = [
        Candidate(record, similarity, comparison)
        for (record, similarity), comparison in zip(found, compared, strict=True)
    ]
    # Sorting is stable: candidates of equal rerank score stay in the order of their similarity.
    return tuple(sorted(candidates, key=_shortfall))


def _shortfall(candidate: Candidate) -> float:
    return math.inf if candidate.comparison is None else -candidate.comparison.score


class StageClock:
    """Seconds spent in each stage, on a clock that never jumps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = time.monotonic()
        self.laps[stage] = now - self._last
        self._last = now
