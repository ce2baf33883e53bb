# SPDX-License-Identifier: Apache-2.0
"""What became of each query: the one table that counts, curves and pictures are read from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vpr_ros.evaluation.metrics.curves import (
    PrecisionRecall,
    RiskCoverage,
    expected_calibration_error,
    precision_recall,
    reliability,
    risk_coverage,
)
from vpr_ros.evaluation.retrieval_set import Indices

Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]

RIGHT, WRONG, MISSED, REFUSED = "right", "wrong", "missed", "refused"
PRECISION = 0.99  # that a threshold is chosen for, where nothing else decides what is accepted


@dataclass(frozen=True)
class Outcomes:
    """What became of Q queries, each with its best match in the database.

    A query without a match, or one whose truth or whose match's truth is not known, is not judged,
    and is neither right nor wrong.
    """

    best: Indices  # [Q] the best match in the database; -1 for none
    right: Flags  # [Q] whether it shows the query's place
    findable: Flags  # [Q] whether the database shows the query's place
    judged: Flags  # [Q] whether it is known who is right
    accepted: Flags  # [Q] whether the match was accepted
    probability: Reals  # [Q] that it is right, or a score of any scale: larger is surer
    rule: str = "accepted by the localizer's verdicts"  # what was accepted, in words

    def __len__(self) -> int:
        """Q."""
        return len(self.best)

    @property
    def words(self) -> tuple[str, ...]:
        """RIGHT and WRONG were accepted, MISSED and REFUSED not, [Q]; empty where not judged."""
        accepted = np.where(self.right, RIGHT, WRONG)
        others = np.where(self.findable, MISSED, REFUSED)
        named = np.where(self.accepted, accepted, others)
        return tuple(np.where(self.judged, named, "").tolist())

    @property
    def curve(self) -> PrecisionRecall | None:
        """Precision and recall over the least probability; None where nothing can be found."""
        findable = int((self.findable & self.judged).sum())
        if not findable:
            return None
        return precision_recall(self.probability[self.judged], self.right[self.judged], findable)

    @property
    def risk(self) -> RiskCoverage | None:
        """What refusing the doubtful gains; None where nothing is judged."""
        return risk_coverage(*self._promises()) if self.judged.any() else None

    @property
    def calibration_error(self) -> float:
        """Mean difference of probabilities and what they promise; NaN where nothing is judged."""
        return expected_calibration_error(*self._promises()) if self.judged.any() else math.nan

    @property
    def reliability(self) -> list[tuple[float, float, int]]:
        """(Probability promised, part that is right, answers) of each bin that holds any."""
        return reliability(*self._promises())

    def _promises(self) -> tuple[Sequence[float], Sequence[bool]]:
        return self.probability[self.judged].tolist(), self.right[self.judged].tolist()

    def at_precision(self, precision: float = PRECISION) -> Outcomes:
        """The same, with what is surer than the loosest threshold that keeps a precision accepted.

        The threshold is found on the same queries: it is what the scores could give, not what a
        robot that does not know the truth would reach. Where no threshold keeps the precision, the
        one of the highest precision is taken.
        """
        curve = self.curve
        if curve is None:
            nothing = np.zeros(len(self), np.bool_)
            return replace(self, accepted=nothing, rule="nothing can be found")
        enough = np.flatnonzero(curve.precision >= precision - 1e-12)
        row = int(enough[-1]) if len(enough) else int(np.argmax(curve.precision))
        threshold, share = float(curve.thresholds[row]), f"{100 * curve.precision[row]:.3g} %"
        accepted = self.judged & (self.probability >= threshold)
        rule = f"accepted from a score of {threshold:.4g}, at which {share} are right"
        return replace(self, accepted=accepted, rule=rule)
