# SPDX-License-Identifier: Apache-2.0
"""From the features of an image to a verdict: retrieve, compare, decide, and say why."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from vpr_ros.calibration_curve import Calibration
from vpr_ros.config import DecisionConfig
from vpr_ros.datatypes import (
    Candidate,
    Comparison,
    Conclusion,
    Features,
    FloatArray,
    Found,
    Judgment,
    KeyframeKey,
    Query,
    Recognition,
    Verdict,
)
from vpr_ros.decision import decide, scores_elsewhere
from vpr_ros.place_map import Map
from vpr_ros.rerankers.base import Reranker
from vpr_ros.rerankers.matches import Matches, matched_points


class Tracker(Protocol):
    """What makes a verdict of an image and those before it."""

    stage: str  # what its time is listed under

    def conclude(
        self, query: Query, candidates: tuple[Candidate, ...], alone: Callable[[], Judgment]
    ) -> Conclusion:
        """The verdict on an image; ``alone`` gives that on the image by itself."""
        ...

    def reload(self) -> None:
        """Take over poses of keyframes that were corrected in the map."""
        ...

    def recalibrate(self, calibration: Calibration) -> None:
        """Weigh scores otherwise from now on."""
        ...


class Conditions(Protocol):
    """What knows how today's images differ from the map's."""

    @property
    def factor(self) -> float:
        """By which the needed score is to be raised."""
        ...

    def look(
        self, descriptor: FloatArray, elsewhere: Sequence[float], accepted: float | None
    ) -> None:
        """Take note of an image that was answered; see ``conditions.Conditions``."""
        ...


class SingleImages:
    """Every image by itself."""

    stage = "decide"

    def conclude(
        self, query: Query, candidates: tuple[Candidate, ...], alone: Callable[[], Judgment]
    ) -> Conclusion:
        """The verdict on an image, whatever was seen before."""
        return Conclusion(alone(), candidates)

    def reload(self) -> None:
        """Nothing was kept."""

    def recalibrate(self, calibration: Calibration) -> None:
        """Nothing was kept."""


class PlaceRecognizer:
    """Answers one image at a time from one map."""

    def __init__(
        self,
        place_map: Map,
        reranker: Reranker,
        config: DecisionConfig,
        calibration: Calibration,
        tracker: Tracker | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        """Put the stations together; without a tracker every image is answered by itself."""
        self._map = place_map
        self._reranker = reranker
        self._config = config
        self._of_map, self._calibration = calibration, calibration
        self._conditions, self._factor = conditions, 1.0
        self._single = SingleImages()
        self._tracker = tracker or self._single
        if conditions is not None:
            self._stretch(conditions.factor)

    def answer(self, query: Query, exclude: Collection[KeyframeKey] = ()) -> Recognition:
        """Where the map shows this image's place, in the light of the images before it if so set.

        Args:
            query: the image; only a sequence filter asks for its odometry.
            exclude: keyframes that are no answer.

        Raises:
            MapError: the map's file became unreadable.
        """
        recognition = self._answer(query, exclude, self._tracker)
        if self._conditions is not None:
            self._follow(self._conditions, query.features.global_descriptor, recognition)
        return recognition

    def answer_alone(self, query: Query, exclude: Collection[KeyframeKey] = ()) -> Recognition:
        """Where the map shows this image's place, whatever was seen before; nothing is kept.

        Raises:
            MapError: the map's file became unreadable.
        """
        return self._answer(query, exclude, self._single)

    def reload(self) -> None:
        """Take over poses that were corrected in the map."""
        self._tracker.reload()

    def matches(self, query: Features, candidate: Candidate) -> Matches:
        """The matched points of an image and a keyframe, for people to look at.

        Raises:
            MapError: there is no such keyframe, or it is damaged.
        """
        (features,) = self._map.features_of([candidate.keyframe.key])
        comparison = candidate.comparison
        if comparison is None:  # believed in, and not retrieved
            (comparison,) = self._reranker.compare(query, [features])
        return matched_points(query, features, comparison)

    def _answer(
        self, query: Query, exclude: Collection[KeyframeKey], tracker: Tracker
    ) -> Recognition:
        clock = StageClock()
        found = self._map.search(query.features.global_descriptor, self._config.candidates, exclude)
        clock.lap("retrieve")
        compared = self._compared(query.features, found, clock)
        judgment, candidates, believed = tracker.conclude(
            query, compared, lambda: decide(compared, self._config, self._calibration)
        )
        clock.lap(tracker.stage)
        verdict, reason, probability, cause = judgment
        return Recognition(
            query.stamp_ns,
            verdict,
            reason,
            probability,
            candidates,
            clock.laps,
            cause,
            believed,
            found.maps,
        )

    def _follow(
        self, conditions: Conditions, descriptor: FloatArray, recognition: Recognition
    ) -> None:
        """Learn from an answer what scores are worth today, for the answers to come."""
        candidates = recognition.candidates
        accepted = None
        if recognition.verdict is Verdict.ACCEPTED and candidates[0].comparison is not None:
            accepted = candidates[0].comparison.score
        conditions.look(descriptor, scores_elsewhere(candidates, self._config), accepted)
        self._stretch(conditions.factor)

    def _stretch(self, factor: float) -> None:
        """Ask for scores that are higher by a factor than the map says."""
        if factor != self._factor:
            self._factor, self._calibration = factor, self._of_map.stretched(factor)
            self._tracker.recalibrate(self._calibration)

    def _compared(self, query: Features, found: Found, clock: StageClock) -> tuple[Candidate, ...]:
        features = self._map.features_of(found.keys)
        clock.lap("load")
        compared = self._reranker.compare(query, features)
        clock.lap("rerank")
        return _ranked(found, compared)


def _ranked(found: Found, compared: Sequence[Comparison]) -> tuple[Candidate, ...]:
    candidates = map(Candidate, found.keyframes, found.similarities, compared)
    # Sorting is stable: candidates of equal score stay in the order of their similarity.
    pairs = sorted(zip(compared, candidates, strict=True), key=lambda pair: -pair[0].score)
    return tuple(candidate for _, candidate in pairs)


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
