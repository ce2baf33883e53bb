# SPDX-License-Identifier: Apache-2.0
"""What accepting the best match above a threshold gives: precision against recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.errors import DatasetError

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall for all T thresholds that differ, from the strictest to the loosest.

    Attributes:
        precision: right ones among those accepted, [T].
        recall: right and accepted ones among those that can be found, [T] ascending.
        thresholds: the score from which on matches are accepted, [T] descending.
    """

    precision: Reals
    recall: Reals
    thresholds: Reals

    @property
    def area(self) -> float:
        """Area under the curve as average precision: precision weighted by the recall it adds.

        Without interpolation, which is too optimistic (Davis and Goadrich, The Relationship
        Between Precision-Recall and ROC Curves, ICML 2006).
        """
        return float(np.sum(self.precision * np.diff(self.recall, prepend=0.0)))

    def recall_at_precision(self, precision: float) -> float:
        """The largest recall of a threshold that has at least this precision; 0 if none has."""
        enough = self.precision >= precision - 1e-12  # 0.99 of 100 answers is 99 of them
        return float(self.recall[enough].max(initial=0.0))

    @property
    def extended_precision(self) -> float:
        """EP = (P_R0 + R_P100) / 2: precision at the least recall, and recall before any error.

        Ferrarini et al., Exploring Performance Bounds of Visual Place Recognition Using Extended
        Precision, RA-L 2020, equation 1. R_P100 is 0 where precision never reaches 1.
        """
        return float((self.precision[0] + self.recall_at_precision(1.0)) / 2.0)


def precision_recall(
    scores: Sequence[float] | Reals,
    right: Sequence[bool] | NDArray[np.bool_],
    findable: int | None = None,
) -> PrecisionRecall:
    """Precision and recall of accepting each query's best match from a threshold on.

    Matches of equal score are accepted together or not at all.

    Args:
        scores: of each query's best match, larger is surer, [Q] on any scale.
        right: whether that match is right, [Q].
        findable: queries that have a positive: what a recall of 1 would find. By default those
            with a right match, with which the loosest threshold has a recall of 1.

    Raises:
        DatasetError: there are no matches, not as many scores as flags, a score that is NaN, or
            nothing that can be found.
    """
    values, flags = np.asarray(scores, float), np.asarray(right, bool)
    total = int(flags.sum()) if findable is None else findable
    _check(values, flags, total)
    order = np.argsort(-values, kind="stable")
    lasts = np.flatnonzero(np.diff(values[order], append=-np.inf) != 0.0)
    true = np.cumsum(flags[order])[lasts]
    return PrecisionRecall(true / (lasts + 1.0), true / total, values[order][lasts])


def _check(scores: Reals, right: NDArray[np.bool_], findable: int) -> None:
    if scores.shape != right.shape or not len(scores):
        raise DatasetError(f"{len(scores)} scores for {len(right)} matches: cannot judge")
    if np.isnan(scores).any() or np.isneginf(scores).any():
        raise DatasetError("a score that is NaN or minus infinity cannot be ordered")
    if findable < int(right.sum()) or findable < 1:
        raise DatasetError(
            f"{int(right.sum())} right matches, but {findable} queries can be found: recall has "
            "no meaning"
        )
