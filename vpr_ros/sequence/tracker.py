# SPDX-License-Identifier: Apache-2.0
"""A sequence filter with what it needs beside it: odometry in, verdicts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vpr_ros.calibration_curve import Calibration
from vpr_ros.config import DecisionConfig, SequenceConfig
from vpr_ros.datatypes import Candidate, Conclusion, Judgment, KeyframeKey, Query, Verdict
from vpr_ros.place_map import KeyframeTable, Map
from vpr_ros.sequence.base import Belief, Look, SequenceFilter
from vpr_ros.sequence.motion import Odometer
from vpr_ros.sequence.verdict import judge

_BELIEVED = 20  # keyframes that an answer names with their probability
_MATTERS = 0.01  # probability from which it does


class SequenceTracker:
    """Answers images one after the other, each in the light of those before."""

    stage = "sequence"  # what its time is listed under

    def __init__(
        self,
        chosen: SequenceFilter,
        place_map: Map,
        decision: DecisionConfig,
        sequence: SequenceConfig,
        calibration: Calibration,
    ) -> None:
        self._filter = chosen
        self._map = place_map
        self._odometer = Odometer()
        self._decision = decision
        self._sequence = sequence
        self._calibration = calibration
        self._is_anchored = False
        self._place: frozenset[KeyframeKey] = frozenset()  # that was believed last

    def conclude(
        self, query: Query, candidates: tuple[Candidate, ...], alone: Callable[[], Judgment]
    ) -> Conclusion:
        """The verdict on an image after those before it.

        Args:
            query: the image.
            candidates: what was found for it, compared, best first.
            alone: gives the verdict on the image by itself.

        Raises:
            MapError: the map's file became unreadable.
        """
        belief = self._update(query, candidates)
        single = alone()
        is_sure = single.verdict is Verdict.ACCEPTED and _agrees(candidates[0], belief)
        self._anchor(belief, is_sure)
        judgment = judge(belief, self._decision, self._sequence, self._is_anchored)
        if is_sure and judgment.verdict is not Verdict.ACCEPTED:
            # Enough by itself, before a sequence agrees with it: a sequence counts images of one
            # view as parts of a look, and so takes its time to be sure.
            judgment = single
        else:
            candidates = self._led_by(belief, candidates, query)
        return Conclusion(judgment, candidates, _likeliest(belief, self._map.table))

    def reload(self) -> None:
        """Take over poses of keyframes that were corrected in the map."""
        self._filter.reload()

    def recalibrate(self, calibration: Calibration) -> None:
        """Weigh scores otherwise from now on; what was believed is kept."""
        self._calibration = calibration
        self._filter.recalibrate(calibration)

    def _anchor(self, belief: Belief, is_sure: bool) -> None:
        """Remember whether an image of this run was sure by itself.

        A run ends where no place is believed any more, or one that does not go on from the last.
        """
        goes_on = belief.mass > 0.5 and not self._place.isdisjoint(belief.place)
        self._is_anchored = is_sure or (self._is_anchored and goes_on)
        self._place = belief.place

    def _update(self, query: Query, candidates: Sequence[Candidate]) -> Belief:
        descriptor, similarities = query.features.global_descriptor, None
        if self._filter.needs_similarities:
            similarities = self._map.similarities(descriptor)
        look = Look(candidates, descriptor, similarities, query.source)
        step = self._odometer.step(query.odometry)
        return self._filter.update(query.stamp_ns, step, look)

    def _led_by(
        self, belief: Belief, candidates: tuple[Candidate, ...], query: Query
    ) -> tuple[Candidate, ...]:
        """The candidates with one of the believed place first.

        That is the one that agrees best with the image, or else the likeliest keyframe, which may
        not have been retrieved.
        """
        if belief.best is None:
            return candidates
        agreeing = (c for c in candidates if c.keyframe.key in belief.place)
        first = next(agreeing, None)
        if first is None or not self._speaks(first):
            retrieved = (c for c in candidates if c.keyframe.key == belief.best.key)
            first = next(retrieved, None) or self._unseen(belief.best.key, query)
        return first, *(c for c in candidates if c.keyframe.key != first.keyframe.key)

    def _speaks(self, candidate: Candidate) -> bool:
        """Whether the image by itself is more for a candidate than against it."""
        comparison = candidate.comparison
        if comparison is None or comparison.is_zoomed(self._decision.max_zoom):
            return False
        return self._calibration.log_odds(comparison.score) >= 0.0

    def _unseen(self, key: KeyframeKey, query: Query) -> Candidate:
        (features,) = self._map.features_of([key])
        product = np.dot(features.global_descriptor, query.features.global_descriptor)
        return Candidate(self._map.record(key), float(product))


def _likeliest(belief: Belief, table: KeyframeTable) -> tuple[tuple[KeyframeKey, float], ...]:
    """The keyframes that the belief is about, the likeliest first."""
    rows = np.flatnonzero(belief.keyframes >= _MATTERS)
    rows = rows[np.argsort(-belief.keyframes[rows], kind="stable")][:_BELIEVED]
    return tuple((table.key(row), float(belief.keyframes[row])) for row in rows.tolist())


def _agrees(candidate: Candidate, belief: Belief) -> bool:
    """Whether a sequence lets an image say so: it holds no other place for likelier than not."""
    return belief.mass <= 0.5 or candidate.keyframe.key in belief.place
