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
        belief, judgment = self._update(query, candidates)
        enough = self._enough_alone(candidates, judgment, belief, alone)
        if enough is None:
            candidates = self._led_by(belief, candidates, query)
        return Conclusion(enough or judgment, candidates, _likeliest(belief, self._map.table))

    def reload(self) -> None:
        """Take over poses of keyframes that were corrected in the map."""
        self._filter.reload()

    def _update(self, query: Query, candidates: Sequence[Candidate]) -> tuple[Belief, Judgment]:
        descriptor, similarities = query.features.global_descriptor, None
        if self._filter.needs_similarities:
            similarities = self._map.similarities(descriptor)
        look = Look(candidates, descriptor, similarities, query.source)
        step = self._odometer.step(query.odometry)
        belief = self._filter.update(query.stamp_ns, step, look)
        return belief, judge(belief, self._decision, self._sequence)

    def _enough_alone(
        self,
        candidates: Sequence[Candidate],
        judgment: Judgment,
        belief: Belief,
        alone: Callable[[], Judgment],
    ) -> Judgment | None:
        """What an image says by itself, if that is enough: before a sequence agrees with it.

        A sequence counts images of one view as parts of a look, and so takes its time to be sure.
        It may take back what an image says only if it holds another place for likelier than not.
        """
        if judgment.verdict is Verdict.ACCEPTED:
            return None
        single = alone()
        if single.verdict is not Verdict.ACCEPTED:
            return None
        agrees = belief.mass <= 0.5 or candidates[0].keyframe.key in belief.place
        return single if agrees else None

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
