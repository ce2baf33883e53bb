# SPDX-License-Identifier: Apache-2.0
"""How far a mean over queries can be trusted: whole sequences are drawn again, not single queries.

Neighboring images of one drive are right or wrong together. Drawing them one by one would take
them for independent, and the interval would come out too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.retrieval_set import Indices

CONFIDENCE = 0.95  # how likely an interval should hold the true mean
_RESAMPLES = 2000  # how often sequences are drawn
_BLOCK_DRAWS = 4_000_000  # numbers drawn at once, to bound the memory


class Interval(NamedTuple):
    """A mean and the interval it is likely to lie in."""

    mean: float
    low: float
    high: float


def bootstrap_mean(
    values: Sequence[float] | NDArray[np.float64] | NDArray[np.bool_],
    sequence_of: Indices | None = None,
) -> Interval:
    """Mean and percentile interval by the cluster bootstrap, the same for the same values.

    Davison and Hinkley, Bootstrap Methods and their Application, 1997, sections 3.8 and 5.3.1.

    Args:
        values: of each query, [Q]: 1 and 0 for right and wrong, or the difference of two methods.
        sequence_of: [Q] the sequence each query belongs to; None takes every query for its own.

    Returns:
        The mean and its interval, which is NaN where there is one sequence alone: nothing tells
        how another would come out.

    Raises:
        DatasetError: there are no values, or not as many of one as of the other.
    """
    numbers = np.asarray(values, float)
    labels = np.arange(len(numbers)) if sequence_of is None else np.asarray(sequence_of)
    if not len(numbers) or len(numbers) != len(labels):
        raise DatasetError(f"{len(numbers)} values in {len(labels)} sequences: no interval")
    groups, sequences = np.unique(labels, return_inverse=True)
    if len(groups) == 1:
        return Interval(float(numbers.mean()), math.nan, math.nan)
    counts = np.bincount(sequences).astype(float)
    sums = np.bincount(sequences, weights=numbers).astype(float)
    means = _resampled(sums, counts)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return Interval(float(numbers.mean()), float(low), float(high))


def _resampled(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over sequences drawn with replacement."""
    random = np.random.default_rng(0)
    means = np.empty(_RESAMPLES)
    block = max(1, _BLOCK_DRAWS // len(sums))
    for start in range(0, _RESAMPLES, block):
        drawn = random.integers(len(sums), size=(min(block, _RESAMPLES - start), len(sums)))
        means[start : start + block] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return means
