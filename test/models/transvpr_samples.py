# SPDX-License-Identifier: Apache-2.0
"""The seeded weights, images and matching pairs that ``data/transvpr.npz`` was made with.

The numbers in that file are outputs of the code that TransVPR's authors published.
"""

import json
import zlib
from pathlib import Path

import numpy as np

from vpr_ros.datatypes import Features, LocalFeatures

FOLDER = Path(__file__).parents[1] / "data"
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
SHAPES = json.loads((FOLDER / "transvpr_keys.json").read_text())  # of the published weights


def golden():
    return np.load(FOLDER / "transvpr.npz")


def _generator(seed):
    return np.random.Generator(np.random.PCG64(seed))


def weight(key, shape, sharp=False):
    """A tensor of generated weights; with ``sharp``, attention is far from uniform."""
    z = _generator(zlib.crc32(key.encode())).standard_normal(shape).astype(np.float32)
    small = np.float32(0.02)
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if key.endswith("running_var"):
        return np.float32(1) + small * np.abs(z)
    if len(shape) >= 2:
        return np.float32(0.08 if sharp and key.startswith("transformer.") else 0.02) * z
    is_scale = key.endswith(".weight")
    return np.float32(1) + small * z if is_scale else small * z


def normalized(images):
    return (images - MEAN[:, None, None]) / STD[:, None, None]


def noise(height, width):
    """Two images of uniform noise, [2, 3, H, W]."""
    return normalized(_generator(1234).random((2, 3, height, width), dtype=np.float32))


def views():
    """A query, two shifted views of its scene and one of another, [4, 3, 480, 640]."""
    cuts = ((77, 32, 48), (77, 64, 32), (77, 35, 57), (78, 32, 48))
    canvases = {
        seed: _generator(seed).random((3, 76, 96), dtype=np.float32).repeat(8, 1).repeat(8, 2)
        for seed in (77, 78)
    }
    crops = [canvases[seed][:, y : y + 480, x : x + 640] for seed, y, x in cuts]
    return normalized(np.stack(crops))


def grid(height, width):
    """Centers of the patches, (x, y), float32 [N, 2]."""
    y, x = np.meshgrid(np.arange(8, height, 16), np.arange(8, width, 16), indexing="ij")
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)


def features(descriptors, mask, height, width):
    local = LocalFeatures(grid(height, width), mask, descriptors, (width, height))
    return Features(np.zeros(1, np.float32), local)


_HOMOGRAPHY = np.array([[0.95, -0.06, 12.0], [0.05, 1.02, -7.0], [1.5e-4, -1.0e-4, 1.0]])


def matching_pair(params):
    """A query and three candidates: seen through a homography, unrelated, and from the same spot.

    Args:
        params: seed, height, width, size of descriptors, noise, share of outliers, threshold.
    """
    seed, height, width, dim = (int(value) for value in params[:4])
    spread, outliers = np.float32(params[4]), params[5]
    random = _generator(seed)
    points = grid(height, width).astype(np.float64)
    count = len(points)
    query = random.standard_normal((count, dim)).astype(np.float32)
    candidates = random.standard_normal((3, count, dim)).astype(np.float32)
    added = random.standard_normal((3, count, dim)).astype(np.float32)
    drop = random.random((3, count))
    query_mask = random.random(count).astype(np.float32)
    masks = random.random((3, count)).astype(np.float32)
    for index, patch in _seen_through_homography(points, height, width):
        if drop[0, patch] >= outliers:
            candidates[0, patch] = query[index] + spread * added[0, patch]
    keep = drop[2] >= outliers
    candidates[2, keep] = query[keep] + spread * added[2, keep]
    return features(query, query_mask, height, width), [
        features(*each, height, width) for each in zip(candidates, masks, strict=True)
    ]


def _seen_through_homography(points, height, width):
    """(patch of the query, patch of the candidate it falls on), in order."""
    seen = np.concatenate([points, np.ones((len(points), 1))], 1) @ _HOMOGRAPHY.T
    columns, rows = np.rint((seen[:, :2] / seen[:, 2:] - 8) / 16).astype(int).T
    inside = (columns >= 0) & (columns < width // 16) & (rows >= 0) & (rows < height // 16)
    for index in np.flatnonzero(inside):
        yield index, rows[index] * (width // 16) + columns[index]
