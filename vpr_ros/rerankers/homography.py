# SPDX-License-Identifier: Apache-2.0
"""Mutual nearest neighbors, then RANSAC for one homography: the score is the number of inliers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.blas_threads import blas_limit
from vpr_ros.config import HomographyConfig
from vpr_ros.datatypes import Comparison, Features, FloatArray, LocalFeatures
from vpr_ros.errors import ConfigError
from vpr_ros.rerankers.matches import Pairs, mutual_nearest, unit_rows

_NONE = Comparison(score=0.0, inliers=0)
_CONFIDENCE = 0.99
_PATCHES = 1.5  # a match of patches may be off by so many of them: TransVPR's 24 of 16 pixels

# TransVPR leaves all but the threshold to OpenCV, whose defaults these are.
_REFERENCE_ITERATIONS = 2000
_REFERENCE_CONFIDENCE = 0.995


@dataclass(frozen=True)
class PatchGrid:
    """What keypoints are that are centers of a network's patches.

    Attributes:
        width: of the network's input, pixels.
        height: of the network's input, pixels.
        pitch: from one patch to the next, pixels of that input.
        min_score: local features up to this score are no key patches.
        is_unit: whether their descriptors come with norm 1.
    """

    width: int
    height: int
    pitch: int
    min_score: float = 0.0
    is_unit: bool = True


class _Task(NamedTuple):
    """Matched points, and how OpenCV should look for the homography between them."""

    points: FloatArray  # [P, 2] of the query
    others: FloatArray  # [P, 2] of the candidate
    method: int
    tolerance: float  # in the unit of the points
    iterations: int
    confidence: float
    resolution: float = 1.0  # how many times finer the query's pixels are than the candidate's


class HomographyReranker:
    """Counts the matches that agree with one homography.

    A street is not a plane, yet the facades ahead and aside nearly are, and a false candidate
    rarely brings ten matches to agree. MAGSAC++ (Barath et al., CVPR 2020) as OpenCV's USAC has it
    costs a thirtieth of plain RANSAC at this outlier rate and, seeded by OpenCV itself, gives the
    same answer every time.

    The rule ``reference`` gives the scores that TransVPR's authors published their results with
    (Wang et al., CVPR 2022, section 3.3). RANSAC draws its samples from a fixed seed, so that they
    can be reproduced, but not the same ones in every version: where few matches agree, OpenCV
    4.5.5, 4.14 and 5.0 count e.g. 10, 7 and 6 for one pair. Where many agree, they are equal.
    Candidates of equal score keep the order of retrieval; the authors' order of ties is arbitrary.
    """

    survey = 200

    def __init__(self, config: HomographyConfig, grid: PatchGrid | None = None) -> None:
        """Raises ConfigError where the reference rule should score what are no patches."""
        if config.rule == "reference" and (grid is None or not grid.is_unit):
            raise ConfigError(
                "homography.rule = 'reference' compares the patches of transvpr: choose clean"
            )
        self._config = config
        self._grid = grid
        self._one_thread = blas_limit()
        self._pool = ThreadPoolExecutor(config.threads) if config.threads > 1 else None

    def compare(self, query: Features, candidates: Sequence[Features]) -> list[Comparison]:
        """One comparison for each candidate; score 0 where fewer than four matches agree."""
        if query.local is None:
            return [_NONE] * len(candidates)
        # Products this small gain nothing from a second BLAS thread, and lose ten times their own
        # time to threads that wait for a core which the camera driver or the SLAM is using.
        with self._one_thread():
            compare = partial(self._compared, query.local)
            others = [candidate.local for candidate in candidates]
            return list(self._pool.map(compare, others) if self._pool else map(compare, others))

    def _compared(self, query: LocalFeatures, candidate: LocalFeatures | None) -> Comparison:
        if candidate is None:
            return _NONE
        # Both halves of this let go of the interpreter, so that threads do gain something.
        pairs = self._pairs(query, candidate)
        return _comparison(self._task(query, candidate, pairs), pairs)

    def _pairs(self, query: LocalFeatures, candidate: LocalFeatures) -> Pairs:
        if self._grid is not None and self._config.rule == "reference":
            return reference_pairs(query, candidate, self._grid.min_score)
        if self._grid is not None and not self._grid.is_unit:
            return mutual_nearest(unit_rows(query) @ unit_rows(candidate).T)
        return mutual_nearest(query.descriptors @ candidate.descriptors.T)

    def _task(self, query: LocalFeatures, candidate: LocalFeatures, pairs: Pairs) -> _Task:
        left, right = pairs
        if self._grid is not None and self._config.rule == "reference":
            return _reference_task(query, candidate, pairs, self._grid)
        tolerance = self._config.ransac_threshold
        if self._grid is not None:
            longer = max(self._grid.width, self._grid.height)
            tolerance = max(tolerance, _PATCHES * self._grid.pitch / longer)
        return _Task(
            query.keypoints[left],
            candidate.keypoints[right],
            cv2.USAC_MAGSAC,
            tolerance * max(candidate.image_size),
            self._config.max_iterations,
            _CONFIDENCE,
            max(query.image_size) / max(candidate.image_size),
        )


def reference_pairs(query: LocalFeatures, candidate: LocalFeatures, min_score: float) -> Pairs:
    """Matches as TransVPR's published code finds them.

    It does not drop patches that are no key patches but calls their similarity to everything 0.
    All of these find patch 0 most similar, so that where patch 0 is none in both images, the two
    match. Setting descriptors to 0 instead of similarities gives the same, and costs less.
    """
    similarity = _silenced(query, min_score) @ _silenced(candidate, min_score).T
    if similarity.size == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    # Of equal values the first one counts, as there: ``mutual_nearest`` would take all of them.
    nearest, back = similarity.argmax(axis=1), similarity.argmax(axis=0)
    mutual = np.flatnonzero(back[nearest] == np.arange(len(similarity)))
    return mutual, nearest[mutual]


def _silenced(local: LocalFeatures, min_score: float) -> FloatArray:
    rejected = local.scores <= np.float32(min_score)
    return np.where(rejected[:, None], np.float32(0.0), local.descriptors)


def _reference_task(
    query: LocalFeatures, candidate: LocalFeatures, pairs: Pairs, grid: PatchGrid
) -> _Task:
    left, right = pairs
    return _Task(
        _input_pixels(query, grid)[left],
        _input_pixels(candidate, grid)[right],
        cv2.RANSAC,
        _PATCHES * grid.pitch,
        _REFERENCE_ITERATIONS,
        _REFERENCE_CONFIDENCE,
    )


def _input_pixels(local: LocalFeatures, grid: PatchGrid) -> FloatArray:
    """Keypoints in pixels of the network's input: whole numbers, whatever the image's size."""
    scale = np.array([grid.width, grid.height]) / np.array(local.image_size)
    return np.asarray(np.rint(local.keypoints * scale), dtype=np.float32)


def _comparison(task: _Task, pairs: Pairs) -> Comparison:
    """How many of the matched points agree with one homography, and which."""
    agree = np.flatnonzero(_agreeing(task))
    if not len(agree):
        return _NONE
    # Cameras of another resolution see the scene at the same part of their image.
    zoom = _zoom(task.points[agree], task.others[agree]) / task.resolution
    left, right = (rows[agree].astype(np.int32) for rows in pairs)
    return Comparison(float(len(agree)), len(agree), zoom, left, right)


def _agreeing(task: _Task) -> NDArray[np.bool_]:
    """Which of the matched points agree with one homography, [P]."""
    nothing = np.zeros(len(task.points), np.bool_)
    if len(task.points) < 4:
        return nothing
    found, mask = cv2.findHomography(
        task.points,
        task.others,
        task.method,
        task.tolerance,
        maxIters=task.iterations,
        confidence=task.confidence,
    )
    if found is None or mask is None:
        return nothing
    return np.asarray(mask).ravel().astype(np.bool_)


def _zoom(points: FloatArray, others: FloatArray) -> float:
    """How many times larger the query shows the matched part of the scene than the candidate."""
    if len(points) < 4:
        return math.nan
    spread, other_spread = float(points.var(axis=0).sum()), float(others.var(axis=0).sum())
    return math.sqrt(spread / other_spread) if other_spread > 0.0 else math.nan
