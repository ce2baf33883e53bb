# SPDX-License-Identifier: Apache-2.0
"""SIFT: local features that need no weights, beside any global descriptor.

SIFT (Lowe, IJCV 2004) with RootSIFT normalization (Arandjelovic and Zisserman, CVPR 2012).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.config import SiftConfig
from vpr_ros.datatypes import FloatArray, ImageArray, LocalFeatures
from vpr_ros.images import shrink

_DIM = 128


class SiftDetector:
    """Finds RootSIFT keypoints (C = 128)."""

    name = "sift"
    dim = _DIM

    def __init__(self, config: SiftConfig) -> None:
        self._config = config
        self._sift = cv2.SIFT_create(nfeatures=config.max_keypoints)  # type: ignore[attr-defined]
        self.settings = {
            "max_side": float(config.max_side),
            "max_keypoints": float(config.max_keypoints),
        }

    def detect(self, image: ImageArray) -> LocalFeatures:
        """The keypoints of one RGB image, uint8 [H, W, 3], the strongest first."""
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        return self._local(gray)

    def _local(self, gray: NDArray[np.uint8]) -> LocalFeatures:
        height, width = gray.shape
        small = shrink(gray, self._config.max_side)
        found, raw = self._sift.detectAndCompute(small, None)
        # SIFT may return a few more than asked for where responses tie.
        keep = sorted(range(len(found)), key=lambda i: -found[i].response)
        keep = keep[: self._config.max_keypoints]
        scale = max(height, width) / max(small.shape)
        points = np.array([found[i].pt for i in keep], dtype=np.float32).reshape(-1, 2)
        scores = np.array([found[i].response for i in keep], dtype=np.float32)
        if raw is None:
            raw = np.zeros((0, _DIM), dtype=np.float32)
        return LocalFeatures(
            points * np.float32(scale), scores, _root_sift(raw[keep]), (width, height)
        )


def _root_sift(descriptors: FloatArray) -> FloatArray:
    """L1-normalize and take the square root: inner products become Hellinger kernels."""
    sums = descriptors.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt(descriptors / np.maximum(sums, 1e-9)), dtype=np.float32)
