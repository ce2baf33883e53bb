# SPDX-License-Identifier: Apache-2.0
"""Which local features of two images belong together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import NO_POINTS, Comparison, Features, FloatArray, LocalFeatures

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows of the query, rows of the candidate
Rows = tuple[NDArray[Any], NDArray[Any]]
_SHOWN = 40  # pairs that a person can still tell apart


class Matches(NamedTuple):
    """Points of two images that show the same, as parts of their images' width and height."""

    query: FloatArray  # [M, 2] (x, y)
    candidate: FloatArray  # [M, 2] (x, y)


def matched_points(query: Features, candidate: Features, comparison: Comparison) -> Matches:
    """The points that speak for a candidate, for people to look at.

    A network that compares two images reads many partners of every feature and says nothing of
    single pairs. Where nobody counted inliers, the nearest pairs of most attention are given: they
    show what the network had to read, not what its score is made of.
    """
    if query.local is None or candidate.local is None:
        return Matches(NO_POINTS, NO_POINTS)
    rows: Rows = (comparison.query_rows, comparison.candidate_rows)
    if comparison.inliers < 0 and not len(comparison.query_rows):
        rows = _nearest(query.local, candidate.local)
    return Matches(_parts(query.local, rows[0]), _parts(candidate.local, rows[1]))


def mutual_nearest(similarity: FloatArray) -> Pairs:
    """Pairs that are each other's nearest neighbor.

    Args:
        similarity: inner products of N with M descriptors, float32 [N, M].

    Returns:
        Rows and columns of the pairs, int [P] each.
    """
    if similarity.size == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    rows = np.arange(len(similarity))
    nearest = similarity.argmax(axis=1)
    # The largest of each column, taken as a value: numpy is five times faster at it than at argmax.
    mutual = np.flatnonzero(similarity[rows, nearest] == similarity.max(axis=0)[nearest])
    return mutual, nearest[mutual]


def unit_rows(local: LocalFeatures) -> FloatArray:
    """Descriptors of norm 1, [N, C]."""
    norms = np.linalg.norm(local.descriptors, axis=1, keepdims=True)
    return np.asarray(local.descriptors / np.maximum(norms, 1e-12), np.float32)


def _nearest(query: LocalFeatures, candidate: LocalFeatures) -> Pairs:
    left, right = mutual_nearest(unit_rows(query) @ unit_rows(candidate).T)
    attention = query.scores[left] * candidate.scores[right]
    best = np.argsort(-attention, kind="stable")[:_SHOWN]
    return left[best], right[best]


def _parts(local: LocalFeatures, rows: NDArray[Any]) -> FloatArray:
    return np.asarray(local.keypoints[rows] / np.asarray(local.image_size, np.float32), np.float32)
