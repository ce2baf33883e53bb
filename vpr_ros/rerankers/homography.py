# SPDX-License-Identifier: Apache-2.0
"""Mutual nearest neighbors, then RANSAC for one homography: the score is the number of inliers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.config import HomographyConfig
from vpr_ros.datatypes import Features, FloatArray, LocalFeatures, RerankScore

_NONE = RerankScore(score=0.0, inliers=0)
_CONFIDENCE = 0.99


class HomographyReranker:
    """Counts the matches that agree with one homography.

    A street is not a plane, yet the facades ahead and aside nearly are, and a false candidate
    rarely brings ten matches to agree. MAGSAC++ (Barath et al., CVPR 2020) as OpenCV's USAC has it
    costs a thirtieth of plain RANSAC at this outlier rate and, seeded by OpenCV itself, gives the
    same answer every time.
    """

    def __init__(self, config: HomographyConfig) -> None:
        self._config = config

    def score(self, query: Features, candidates: Sequence[Features]) -> list[RerankScore]:
        """One score for each candidate; 0 where fewer than four matches agree."""
        return [self._score(query.local, candidate.local) for candidate in candidates]

    def _score(self, query: LocalFeatures, candidate: LocalFeatures) -> RerankScore:
        left, right = mutual_nearest(query.descriptors, candidate.descriptors)
        if len(left) < 4:
            return _NONE
        points, others = query.keypoints[left], candidate.keypoints[right]
        threshold = self._config.ransac_threshold * max(candidate.image_size)
        found, mask = cv2.findHomography(
            points,
            others,
            cv2.USAC_MAGSAC,
            threshold,
            maxIters=self._config.max_iterations,
            confidence=_CONFIDENCE,
        )
        if found is None or mask is None:
            return _NONE
        agree = np.asarray(mask).ravel().astype(bool)
        inliers = int(agree.sum())
        return RerankScore(float(inliers), inliers, _zoom(points[agree], others[agree]))


def mutual_nearest(
    left: FloatArray, right: FloatArray
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs that are each other's nearest neighbor by inner product.

    Args:
        left: descriptors, float32 [N, C].
        right: descriptors, float32 [M, C].

    Returns:
        Rows of ``left`` and rows of ``right``, int [P] each.
    """
    if len(left) == 0 or len(right) == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    similarity = left @ right.T
    to_right, to_left = similarity.argmax(axis=1), similarity.argmax(axis=0)
    mutual = np.flatnonzero(to_left[to_right] == np.arange(len(left)))
    return mutual, to_right[mutual]


def _zoom(points: FloatArray, others: FloatArray) -> float:
    """How many times larger the query shows the matched part of the scene than the candidate."""
    if len(points) < 4:
        return math.nan
    spread, other_spread = float(points.var(axis=0).sum()), float(others.var(axis=0).sum())
    return math.sqrt(spread / other_spread) if other_spread > 0.0 else math.nan
