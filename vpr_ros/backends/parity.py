# SPDX-License-Identifier: Apache-2.0
"""The gate of every export: a graph computes what the network that it was made from computes.

Shapes: K local features of an image, C = size of a local descriptor, B candidates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vpr_ros.backends.base import GLOBAL_DESCRIPTOR, IMAGE, LOCAL_FEATURES, SCORES, Arrays, Backend
from vpr_ros.datatypes import FloatArray

_STEPS = 2**14  # of u and v, which are from 0 to 1: less than a pixel


@dataclass(frozen=True)
class Tolerance:
    """How far a graph may be from its network; scores are from 0 to 1."""

    global_cosine: float  # least, of the global descriptors of an image
    overlap: float  # least share of an image's local features that lie where the network's do
    local_cosine: float  # least, of the descriptors of two local features at one place
    local_score: float  # largest difference of their scores
    # Largest difference of a candidate's scores, and of the network's scores of two candidates that
    # the graph puts in the other order.
    score: float


# fp32 allows for sums taken in another order, and that only where two patches, or two partners of
# a feature, are equally good but for that. A graph that was wired wrongly is off by much more.
# The others are set at several times what both methods showed on photographs with generated
# weights, and where they could not yet change a verdict: places are told apart by differences of
# similarity of 0.05 and of reranking score of 0.3 (``rival_ratio`` in ``config``). At fp16 the
# patches at the end of the selection begin to change; at int8 one in twenty does.
TOLERANCES = {
    "fp32": Tolerance(1 - 1e-5, 0.99, 1 - 1e-4, 1e-3, 2e-4),
    "fp16": Tolerance(1 - 1e-3, 0.97, 1 - 5e-3, 0.02, 0.01),
    "int8": Tolerance(1 - 1e-2, 0.90, 1 - 2e-2, 0.1, 0.05),
}


@dataclass(frozen=True)
class Figure:
    """One measured number and its limit."""

    name: str
    value: float  # the worst of all images or candidates
    limit: float
    is_least: bool = False  # whether the limit is the least value that passes, or the largest

    @property
    def passes(self) -> bool:
        """Whether the value keeps to its limit; NaN never does."""
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = "at least" if self.is_least else "at most"
        verdict = "" if self.passes else "  FAILS"
        return f"{self.name:32} {self.value:9.6f}  {sign:8} {self.limit:.6g}{verdict}"


def compare_extractors(
    exact: Sequence[Arrays], graph: Backend, images: Sequence[FloatArray], tolerance: Tolerance
) -> list[Figure]:
    """How a graph describes images.

    Args:
        exact: what the network gave for each image.
        graph: what is to be trusted.
        images: float32 [1, 3, H, W] each.
        tolerance: what passes.
    """
    found = [graph.run({IMAGE: image}) for image in images]
    every = [_of_one_image(*outputs) for outputs in zip(exact, found, strict=True)]
    descriptor, overlap, cosine, score = zip(*every, strict=True)
    least = partial(Figure, is_least=True)
    return [
        least("global descriptors, cosine", min(descriptor), tolerance.global_cosine),
        least("local features at one place", min(overlap), tolerance.overlap),
        least("their descriptors, cosine", min(cosine), tolerance.local_cosine),
        Figure("their scores, difference", max(score), tolerance.local_score),
    ]


def compare_rerankers(
    exact: FloatArray, graph: Backend, inputs: Arrays, tolerance: Tolerance
) -> list[Figure]:
    """How a graph scores candidates.

    Args:
        exact: what the network gave, [B].
        graph: what is to be trusted.
        inputs: local features of the query [1, K, 3 + C] and the candidates [B, K, 3 + C].
        tolerance: what passes.
    """
    found = graph.run(inputs)[SCORES]
    return [
        Figure("scores, difference", float(np.abs(found - exact).max()), tolerance.score),
        Figure("scores in another order, gap", _swapped(exact, found), tolerance.score),
    ]


def _of_one_image(exact: Arrays, found: Arrays) -> tuple[float, float, float, float]:
    """Cosine of global descriptors, share of local features in common, and how these differ."""
    descriptor = _cosines(exact[GLOBAL_DESCRIPTOR], found[GLOBAL_DESCRIPTOR]).min()
    rows, others = exact[LOCAL_FEATURES][0], found[LOCAL_FEATURES][0]
    _, left, right = np.intersect1d(_places(rows), _places(others), return_indices=True)
    if not len(left):
        return float(descriptor), 0.0, math.nan, math.nan
    cosine = _cosines(rows[left, 3:], others[right, 3:]).min()
    score = np.abs(rows[left, 2] - others[right, 2]).max()
    return float(descriptor), len(left) / len(rows), float(cosine), float(score)


def _places(rows: FloatArray) -> NDArray[np.int64]:
    """A number for the place of each local feature [K, 3 + C], [K]."""
    steps = np.rint(rows[:, :2].astype(np.float64) * _STEPS).astype(np.int64)
    return np.asarray(steps[:, 0] * 2 * _STEPS + steps[:, 1])


def _cosines(left: FloatArray, right: FloatArray) -> NDArray[np.float64]:
    """Of the vectors in corresponding rows [K, C], [K]."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.asarray((left * right).sum(axis=1) / norms)


def _swapped(exact: FloatArray, found: FloatArray) -> float:
    """The largest difference of exact scores [B] that stand in the other order in those found."""
    difference = exact[:, None] - exact
    swapped = found[:, None] < found
    return float(np.max(difference, initial=0.0, where=swapped))
