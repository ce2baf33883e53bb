# SPDX-License-Identifier: Apache-2.0
"""What refusing doubtful answers gains, and how far probabilities can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.errors import DatasetError

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

_BINS = 10  # of the probabilities that are held against what they promise


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall for all T thresholds that differ, from the strictest to the loosest."""

    precision: Reals  # [T] right ones among those accepted
    recall: Reals  # [T] right and accepted ones among those that can be found, ascending
    thresholds: Reals  # [T] the score from which on matches are accepted, descending

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


@dataclass(frozen=True)
class RiskCoverage:
    """What a threshold on the confidence gives, for all T thresholds that differ."""

    coverage: Reals  # [T] part of the images that are answered, ascending, the last is 1
    risk: Reals  # [T] part of those answers that are wrong

    @property
    def area(self) -> float:
        """Mean risk over all coverages.

        The area under the curve (AURC) of Geifman, Uziel and El-Yaniv, Bias-Reduced Uncertainty
        Estimation for Deep Neural Classifiers, ICLR 2019. It is 0 only without wrong answers,
        since in the end all images are answered, and least if those are the least confident.
        """
        return float(np.sum(self.risk * np.diff(self.coverage, prepend=0.0)))


def precision_recall(
    scores: Sequence[float] | Reals,
    right: Sequence[bool] | Flags,
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


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> RiskCoverage:
    """Risk and coverage of answering only what is confident enough, for every threshold.

    El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification, JMLR 2010,
    section 2. Answers of equal confidence are given together or not at all.

    Args:
        confidences: larger is surer, [N] on any scale.
        right: whether the answer is right, [N].

    Raises:
        DatasetError: there are no answers, or not as many of one as of the other.
    """
    sureness, kept = _checked(confidences, right)
    order = np.argsort(-sureness, kind="stable")
    wrong = np.cumsum(~kept[order])
    answered = np.arange(1, len(order) + 1)
    lasts = np.flatnonzero(np.diff(sureness[order], append=-np.inf) != 0.0)
    return RiskCoverage(answered[lasts] / len(order), wrong[lasts] / answered[lasts])


def expected_calibration_error(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Mean difference between what is promised and what is kept, in ten bins of equal width.

    Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017, equation
    3; as there, a bin holds its upper edge. A probability of 0 belongs to the first.

    Args:
        probabilities: that each answer is right, [N] from 0 to 1.
        right: whether it is, [N].

    Raises:
        DatasetError: there are no answers, or not as many of one as of the other, or what are
            called probabilities are none.
    """
    promised, kept = _checked(probabilities, right)
    if promised.min() < 0.0 or promised.max() > 1.0:
        raise DatasetError(f"probabilities from {promised.min()} to {promised.max()}: not 0 to 1")
    gaps = np.bincount(_bin_of(promised), weights=promised - kept)
    return float(np.abs(gaps).sum() / len(promised))


def reliability(
    probabilities: Sequence[float], right: Sequence[bool]
) -> list[tuple[float, float, int]]:
    """What is promised and what is kept in each bin: the reliability diagram of Guo et al.

    Args:
        probabilities: that each answer is right, [N] from 0 to 1; there may be none.
        right: whether it is, [N].

    Returns:
        (mean probability, part that is right, number of answers) of each bin that holds any.
    """
    promised, kept = np.asarray(probabilities, float), np.asarray(right, float)
    numbers = _bin_of(promised)
    found = []
    for number in np.unique(numbers).tolist():
        inside = numbers == number
        mean, share = float(promised[inside].mean()), float(kept[inside].mean())
        found.append((mean, share, int(inside.sum())))
    return found


def _check(scores: Reals, right: Flags, findable: int) -> None:
    if scores.shape != right.shape or not len(scores):
        raise DatasetError(f"{len(scores)} scores for {len(right)} matches: cannot judge")
    if np.isnan(scores).any() or np.isneginf(scores).any():
        raise DatasetError("a score that is NaN or minus infinity cannot be ordered")
    if findable < int(right.sum()) or findable < 1:
        raise DatasetError(
            f"{int(right.sum())} right matches, but {findable} queries can be found: recall has "
            "no meaning"
        )


def _bin_of(promised: Reals) -> NDArray[np.int64]:
    """The bin of each probability, [N]; a bin holds its upper edge, the first also its lower."""
    return np.clip(np.ceil(promised * _BINS).astype(np.int64) - 1, 0, _BINS - 1)


def _checked(values: Sequence[float], right: Sequence[bool]) -> tuple[Reals, Flags]:
    if len(values) != len(right) or not len(values):
        raise DatasetError(f"{len(values)} confidences for {len(right)} answers: cannot judge")
    numbers = np.asarray(values, float)
    if not np.isfinite(numbers).all():
        raise DatasetError("a confidence that is no finite number cannot be judged")
    return numbers, np.asarray(right, bool)
