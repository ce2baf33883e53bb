# SPDX-License-Identifier: Apache-2.0
"""The seeded weights, images and local features that ``data/r2former.npz`` was made with.

The numbers in that file are outputs of the code that R2Former's authors published.
"""

import json
import zlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "data"
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
SHAPES = json.loads((FOLDER / "r2former_keys.json").read_text())  # network -> published key: shape
RERANKER = "Reranker."


def golden():
    return np.load(FOLDER / "r2former.npz")


def _generator(seed):
    return np.random.Generator(np.random.PCG64(seed))


def _scale(key, shape, resnet):
    if key.startswith(RERANKER):
        return 0.3  # or logits would hardly differ
    if resnet and key.startswith("backbone."):
        return float(np.prod(shape[1:])) ** -0.5
    return 0.05


def weight(key, shape, resnet=False):
    """A tensor of generated weights; None where the value stays that of a new network."""
    z = _generator(zlib.crc32(key.encode())).standard_normal(shape)
    if len(shape) >= 2:
        return z.astype(np.float32) * np.float32(_scale(key, shape, resnet))
    if key.endswith("running_var"):
        return (1 + 0.02 * np.abs(z)).astype(np.float32)
    if key.endswith(("running_mean", ".bias")):
        return (0.02 * z).astype(np.float32)
    return (1 + 0.02 * z).astype(np.float32) if key.endswith(".weight") else None


def noise(height, width, seed=1234, batch=2):
    """Images of uniform noise, normalized, [batch, 3, H, W]."""
    images = _generator(seed).random((batch, 3, height, width), dtype=np.float32)
    return (images - MEAN[:, None, None]) / STD[:, None, None]


def local_features(images=3, tokens=500):
    """Local features [images, tokens, 131] and global descriptors [images, 256].

    The second image shows half of what the first one does.
    """
    random = _generator(2023)
    rows, descriptors = [], []
    for image in range(images):
        patches = random.permutation(1200)[:tokens]
        attention = np.sort(random.random(tokens))[::-1]
        features = random.standard_normal((tokens, 128))
        descriptor = random.standard_normal(256)
        if image == 1:
            features[:250] = rows[0][:250, 3:] + 0.5 * features[:250]
        points = np.stack([patches % 40 * 16 + 8, patches // 40 * 16 + 8], 1) / 640
        rows.append(np.concatenate([points, (attention / attention[0])[:, None], features], 1))
        descriptors.append(descriptor / np.linalg.norm(descriptor))
    return np.stack(rows).astype(np.float32), np.stack(descriptors).astype(np.float32)
