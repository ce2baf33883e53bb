# SPDX-License-Identifier: Apache-2.0
"""TransVPR's reranking of 100 candidates of 1200 patches each, 90 of them of other places."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from vpr_ros.config import HomographyConfig
from vpr_ros.datatypes import Features, LocalFeatures
from vpr_ros.rerankers.homography import HomographyReranker, PatchGrid

sys.path.insert(0, str(Path(__file__).parents[2] / "test" / "models"))
from transvpr_samples import grid, matching_pair

CANDIDATES, RELATED = 100, 10
WIDTH, HEIGHT = 640, 480
TAU = 0.02
THREADS = 2
_PAIR = (7, HEIGHT, WIDTH, 256, 1.0, 0.5, TAU)  # half of the patches seen again, with noise


def images() -> tuple[Features, list[Features]]:
    """A query and its candidates, first those of the same place."""
    query, (seen_again, *_) = matching_pair(_PAIR)
    random, shape = np.random.default_rng(0), seen_again.local.descriptors.shape
    candidates = []
    for number in range(CANDIDATES):
        rows = random.standard_normal(shape, dtype=np.float32)
        if number < RELATED:
            rows = seen_again.local.descriptors + np.float32(0.3) * rows
        mask = random.random(shape[0], dtype=np.float32)
        local = LocalFeatures(query.local.keypoints, mask, rows, (WIDTH, HEIGHT))
        candidates.append(Features(query.global_descriptor, local))
    return query, candidates


def plainly(query: Features, candidates: list[Features]) -> list[int]:
    """The published rule as its description reads: one tensor of similarities, then RANSAC."""
    torch.set_num_threads(THREADS)
    rows = torch.from_numpy(np.stack([each.local.descriptors for each in candidates]))
    similarity = rows @ torch.from_numpy(query.local.descriptors).T
    similarity[:, :, torch.from_numpy(query.local.scores) <= TAU] = 0
    masks = np.stack([each.local.scores for each in candidates])
    similarity[torch.from_numpy(masks) <= TAU] = 0
    best_candidates, best_queries = similarity.argmax(1).numpy(), similarity.argmax(2).numpy()
    pairs = zip(best_candidates, best_queries, strict=True)
    return [_inliers(*pair) for pair in pairs]


def _inliers(forth: np.ndarray, back: np.ndarray) -> int:
    points = grid(HEIGHT, WIDTH)
    rows = np.flatnonzero(back[forth] == np.arange(len(forth)))
    if len(rows) < 4:
        return 0
    _, mask = cv2.findHomography(points[rows], points[forth[rows]], cv2.RANSAC, 24.0)
    return 0 if mask is None else int(mask.sum())


def ours(rule: str, query: Features, candidates: list[Features]) -> list[int]:
    """The station of the pipeline."""
    reranker = HomographyReranker(
        HomographyConfig(rule=rule, threads=THREADS), PatchGrid(WIDTH, HEIGHT, 16, TAU)
    )
    if rule == "clean":  # maps hold key patches only
        query, candidates = _key_patches(query), [_key_patches(each) for each in candidates]
    return [each.inliers for each in reranker.compare(query, candidates)]


def _key_patches(image: Features) -> Features:
    local, keep = image.local, image.local.scores > TAU
    kept = (values[keep] for values in (local.keypoints, local.scores, local.descriptors))
    return Features(image.global_descriptor, LocalFeatures(*kept, local.image_size))
