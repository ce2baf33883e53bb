# SPDX-License-Identifier: Apache-2.0
"""How far probabilities can be believed, and what refusing the doubtful answers gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.errors import DatasetError

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class RiskCoverage:
    """What a threshold on the confidence gives, for all T thresholds that differ.

    Attributes:
        coverage: part of the images that are answered, [T] ascending, the last is 1.
        risk: part of those answers that are wrong, [T].
    """

    coverage: Reals
    risk: Reals

    @property
    def area(self) -> float:
        """Mean risk over all coverages.

        The area under the curve (AURC) of Geifman, Uziel and El-Yaniv, Bias-Reduced Uncertainty
        Estimation for Deep Neural Classifiers, ICLR 2019. It is 0 only without wrong answers,
        since in the end all images are answered, and least if those are the least confident.
        """
        return float(np.sum(self.risk * np.diff(self.coverage, prepend=0.0)))


def expected_calibration_error(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = 10
) -> float:
    """Mean difference between what is promised and what is kept, in bins of equal width.

    Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017, equation
    3; as there, a bin holds its upper edge. A probability of 0 belongs to the first.

    Args:
        probabilities: that each answer is right, [N] from 0 to 1.
        right: whether it is, [N].
        bins: how many.

    Returns:
        From 0 to 1.

    Raises:
        DatasetError: there are no answers, or not as many of one as of the other, or what are
            called probabilities are none.
    """
    promised, kept = _checked(probabilities, right)
    if promised.min() < 0.0 or promised.max() > 1.0:
        raise DatasetError(f"probabilities from {promised.min()} to {promised.max()}: not 0 to 1")
    gaps = np.bincount(_bin_of(promised, bins), weights=promised - kept, minlength=bins)
    return float(np.abs(gaps).sum() / len(promised))


def reliability(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = 10
) -> list[tuple[float, float, int]]:
    """What is promised and what is kept in each bin: the reliability diagram of Guo et al.

    Args:
        probabilities: that each answer is right, [N] from 0 to 1; there may be none.
        right: whether it is, [N].
        bins: how many, as in ``expected_calibration_error``.

    Returns:
        (mean probability, part that is right, number of answers) of each bin that holds any.
    """
    promised, kept = np.asarray(probabilities, float), np.asarray(right, float)
    numbers = _bin_of(promised, bins)
    found = []
    for number in np.unique(numbers).tolist():
        inside = numbers == number
        mean, share = float(promised[inside].mean()), float(kept[inside].mean())
        found.append((mean, share, int(inside.sum())))
    return found


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


def _bin_of(promised: Reals, bins: int) -> NDArray[np.int64]:
    """The bin of each probability, [N]; a bin holds its upper edge, the first also its lower."""
    return np.clip(np.ceil(promised * bins).astype(np.int64) - 1, 0, bins - 1)


def _checked(values: Sequence[float], right: Sequence[bool]) -> tuple[Reals, Flags]:
    if len(values) != len(right) or not len(values):
        raise DatasetError(f"{len(values)} confidences for {len(right)} answers: cannot judge")
    numbers = np.asarray(values, float)
    if not np.isfinite(numbers).all():
        raise DatasetError("a confidence that is no finite number cannot be judged")
    return numbers, np.asarray(right, bool)
