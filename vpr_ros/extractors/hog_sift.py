# SPDX-License-Identifier: Apache-2.0
"""HOG and SIFT: the method that needs no weights, and the baseline every network must beat.

HOG (Dalal and Triggs, CVPR 2005) over a 128 x 64 thumbnail is the global descriptor; SIFT (Lowe,
IJCV 2004) with RootSIFT normalization (Arandjelovic and Zisserman, CVPR 2012) gives the local
features. HOG as a whole-image descriptor is a common baseline of place recognition papers.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.config import HogSiftConfig
from vpr_ros.datatypes import Features, FloatArray, ImageArray, LocalFeatures, ModelSpec
from vpr_ros.errors import BackendError
from vpr_ros.images import check_image, shrink

_HOG_SIZE = (128, 64)  # (width, height) pixels; cells of 8, blocks of 16, 9 orientations
_HOG_DIM = 3780
_SIFT_DIM = 128


class HogSiftExtractor:
    """Describes an image by one HOG vector (D = 3780) and RootSIFT keypoints (C = 128)."""

    def __init__(self, config: HogSiftConfig) -> None:
        """Raises BackendError where OpenCV no longer has HOG."""
        if not hasattr(cv2, "HOGDescriptor"):
            raise BackendError(
                f"OpenCV {cv2.__version__} has no HOG: pip install 'opencv-python-headless<5'"
            )
        self._config = config
        self._hog = cv2.HOGDescriptor(_HOG_SIZE, (16, 16), (8, 8), (8, 8), 9)
        self._sift = cv2.SIFT_create(nfeatures=config.max_keypoints)  # type: ignore[attr-defined]
        self.description = f"OpenCV {cv2.__version__} on the CPU"
        self.spec = ModelSpec(
            method="hog_sift",
            weights_sha256="",
            input_height=_HOG_SIZE[1],
            input_width=_HOG_SIZE[0],
            mean=(),
            std=(),
            global_dim=_HOG_DIM,
            local_dim=_SIFT_DIM,
            precision="fp32",
            exporter_version="1",
            settings={"max_side": config.max_side},
        )

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            ImageError: the array is not such an image.
        """
        check_image(image)
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        return Features(self._global(gray), self._local(gray))

    def _global(self, gray: NDArray[np.uint8]) -> FloatArray:
        thumbnail = cv2.resize(gray, _HOG_SIZE, interpolation=cv2.INTER_AREA)
        descriptor = np.asarray(self._hog.compute(thumbnail), dtype=np.float32).ravel()
        norm = float(np.linalg.norm(descriptor))
        if norm < 1e-6:  # a uniform image has no gradients: point nowhere in particular
            return np.full(_HOG_DIM, _HOG_DIM**-0.5, dtype=np.float32)
        return descriptor / np.float32(norm)

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
            raw = np.zeros((0, _SIFT_DIM), dtype=np.float32)
        return LocalFeatures(
            points * np.float32(scale), scores, _root_sift(raw[keep]), (width, height)
        )


def _root_sift(descriptors: FloatArray) -> FloatArray:
    """L1-normalize and take the square root: inner products become Hellinger kernels."""
    sums = descriptors.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt(descriptors / np.maximum(sums, 1e-9)), dtype=np.float32)
