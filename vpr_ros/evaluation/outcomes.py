# SPDX-License-Identifier: Apache-2.0
"""What becomes of each query when only sure answers are accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.evaluation.scoring import Judged

RIGHT, WRONG, MISSED, REFUSED = "right", "wrong", "missed", "refused"
PRECISION = 0.99  # that the threshold is chosen for, where nothing else decides what is accepted


@dataclass(frozen=True)
class Outcomes:
    """What became of Q queries."""

    of: tuple[str, ...]  # [Q] RIGHT and WRONG were accepted; empty where the truth is not known
    rule: str  # by which answers were accepted, in words

    def count(self, outcome: str) -> int:
        """How many queries had an outcome."""
        return self.of.count(outcome)


def at_precision(judged: Judged, precision: float = PRECISION) -> Outcomes:
    """Accept what is surer than the loosest threshold that keeps a precision.

    The threshold is found on the same queries: it is what the scores could give, not what a robot
    that does not know the truth would reach. Where no threshold keeps the precision, the one of
    the highest precision is taken.
    """
    curve = judged.curve
    if curve is None:
        accepted, rule = np.zeros(len(judged.best), np.bool_), "nothing can be found"
    else:
        kept = np.flatnonzero(curve.precision >= precision - 1e-12)
        row = int(kept[-1]) if len(kept) else int(np.argmax(curve.precision))
        threshold = float(curve.thresholds[row])
        accepted = judged.judged & (judged.scores >= threshold)
        share = f"{100 * curve.precision[row]:.3g} %"
        rule = f"accepted from a score of {threshold:.4g}, at which {share} are right"
    return Outcomes(of_flags(accepted, judged.right, judged.findable, judged.judged), rule)


def of_flags(
    accepted: NDArray[np.bool_],
    right: NDArray[np.bool_],
    findable: NDArray[np.bool_],
    judged: NDArray[np.bool_] | Sequence[bool],
) -> tuple[str, ...]:
    """The outcomes of Q queries; all arguments are [Q].

    Args:
        accepted: whether the answer was accepted.
        right: whether it is right.
        findable: whether the database shows the query's place.
        judged: whether that is known.
    """
    rows = zip(accepted, right, findable, judged, strict=True)
    return tuple(_outcome(*map(bool, row)) for row in rows)


def _outcome(accepted: bool, right: bool, findable: bool, judged: bool) -> str:
    if not judged:
        return ""
    if accepted:
        return RIGHT if right else WRONG
    return MISSED if findable else REFUSED
