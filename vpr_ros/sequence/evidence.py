# SPDX-License-Identifier: Apache-2.0
"""From rerank scores to likelihood ratios against being off the map.

One image asked alone is worth the odds ``o`` that the calibration gives its best score. That image
singled out one place among the C cells of the map, so for the cells it names the ratio is ``o``
times C, shared among them: from knowing nothing, one image leads to the probability that it has
by itself, in small maps and in large ones. With probability ``miss`` the image failed and says
nothing, which leaves ``miss`` for every cell that it does not name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vpr_ros.calibration_curve import Calibration
from vpr_ros.config import DecisionConfig, SequenceConfig
from vpr_ros.datatypes import Candidate, Comparison
from vpr_ros.place_map.keyframe_table import Numbers, Reals
from vpr_ros.sequence.route import Leg, Route

# A view matches keyframes a little before and behind it: a normal distribution over the cells.
_REACH = 2  # cells to each side
_WIDEST = 1.0  # cells of one standard deviation, where a place is several cells long
# Power of the ratio of two scores: a rival with 70 % of the best score weighs an eighth of it. The
# calibration cannot tell them, it calls both certain.
_RIVALRY = 6.0
# Power of odds below one. False matches are not spread over the map as evenly as C times the odds
# supposes: some keyframes look like everything a little, and are named again and again.
_DOUBT = 2.0


class Evidence:
    """Weighs what images say by themselves."""

    def __init__(
        self, config: SequenceConfig, decision: DecisionConfig, calibration: Calibration
    ) -> None:
        self._miss = config.miss
        self._place = (decision.place_seconds, decision.place_radius)
        self._accept = min(decision.target_precision, config.trust)
        self._max_log_odds = math.log(config.trust / (1.0 - config.trust))
        self._max_zoom = decision.max_zoom
        self.calibration = calibration  # may be exchanged between two images

    def ratios(self, candidates: Sequence[Candidate], route: Route) -> tuple[Numbers, Reals]:
        """Likelihood ratios against being off the map of the M cells that an image names.

        All others have ``miss``.

        Args:
            candidates: keyframes with their rerank scores, in any order.
            route: the cells; keyframes that it does not know yet say nothing.

        Returns:
            The cells [M] and their ratios [M].
        """
        named = self._named(candidates, route)
        cells = np.fromiter(named.keys(), np.int64, len(named))
        weights = np.fromiter(named.values(), float, len(named))
        # All together get the odds of the best: ten neighbors are no more certain than one.
        best = float(weights.max(initial=0.0))
        shares = best * route.cells * weights / max(float(weights.sum()), 1e-300)
        return cells, self._miss + (1.0 - self._miss) * shares

    def would_accept(self, candidate: Candidate) -> bool:
        """Whether an image by itself would be enough to accept a candidate."""
        comparison = candidate.comparison
        if comparison is None or not self._is_usable(comparison):
            return False
        return self.calibration.probability(comparison.score) >= self._accept

    def _named(self, candidates: Sequence[Candidate], route: Route) -> dict[int, float]:
        """Weights of the cells that candidates stand in or next to."""
        named: dict[int, float] = {}
        scores = [c.comparison.score for c in candidates if c.comparison is not None]
        scores = [score for score in scores if math.isfinite(score)]
        for candidate in candidates:
            weight = self._weight(candidate, max(scores, default=0.0))
            row = route.table.row_of(candidate.keyframe.key)
            if weight <= 0.0 or row is None or row >= len(route.cell_of):
                continue
            center = int(route.cell_of[row])
            leg = next(leg for leg in route.legs if center < leg.cells.stop)
            for offset, part in self._blur(leg, route.spacing):
                cell = center + offset
                if part > 0.0 and leg.cells.start <= cell < leg.cells.stop:
                    named[cell] = max(named.get(cell, 0.0), weight * part)
        return named

    def _blur(self, leg: Leg, spacing: float) -> list[tuple[int, float]]:
        """Weights of the cells around a match."""
        seconds, meters = self._place
        extent = meters / spacing if leg.has_meters else seconds * leg.speed
        width = max(1e-3, min(_WIDEST, extent / 2.0))
        offsets = range(-_REACH, _REACH + 1)
        return [(offset, math.exp(-0.5 * (offset / width) ** 2)) for offset in offsets]

    def _weight(self, candidate: Candidate, best_score: float) -> float:
        comparison = candidate.comparison
        if comparison is None or not self._is_usable(comparison):
            return 0.0
        if comparison.score <= 0.0 < best_score:
            return 0.0
        ratio = comparison.score / best_score if best_score > 0.0 else 1.0
        return float(ratio**_RIVALRY) * self._odds(comparison)

    def _is_usable(self, comparison: Comparison) -> bool:
        """Whether a score says something of its keyframe's cell: a zoomed view is not from there.

        What is no number would stay in the belief forever.
        """
        return math.isfinite(comparison.score) and not comparison.is_zoomed(self._max_zoom)

    def _odds(self, comparison: Comparison) -> float:
        log_odds = self.calibration.log_odds(comparison.score)
        log_odds *= _DOUBT if log_odds < 0.0 else 1.0
        return math.exp(max(-60.0, min(self._max_log_odds, log_odds)))
