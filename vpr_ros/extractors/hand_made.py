# SPDX-License-Identifier: Apache-2.0
"""What describes without weights, HOG and SIFT, and a describer beside local features not its own.

HOG (Dalal and Triggs, CVPR 2005) over a thumbnail, as a whole-image descriptor, is a common
baseline of place recognition papers: every network must beat it. SIFT (Lowe, IJCV 2004) has
RootSIFT normalization (Arandjelovic and Zisserman, CVPR 2012).
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from vpr_ros.config import SiftConfig
from vpr_ros.config.methods import NONE, OWN, SIFT
from vpr_ros.datatypes import Features, FloatArray, ImageArray, LocalFeatures, ModelSpec
from vpr_ros.errors import BackendError, ConfigError
from vpr_ros.extractors.base import FeatureExtractor, LocalDetector
from vpr_ros.images import check_image, shrink

_SIZE = (128, 64)  # (width, height) pixels of HOG; cells of 8, blocks of 16, 9 orientations
_HOG_DIM, _SIFT_DIM = 3780, 128


class HogDescriber:
    """Describes an image by one HOG vector (D = 3780), and by no local features."""

    def __init__(self) -> None:
        """Raises BackendError where OpenCV no longer has HOG."""
        if not hasattr(cv2, "HOGDescriptor"):
            raise BackendError(
                f"OpenCV {cv2.__version__} has no HOG: pip install 'opencv-python-headless<5'"
            )
        self._hog = cv2.HOGDescriptor(_SIZE, (16, 16), (8, 8), (8, 8), 9)
        self.description = f"OpenCV {cv2.__version__} on the CPU"
        self.spec = ModelSpec(
            method="hog",
            weights_sha256="",
            input_height=_SIZE[1],
            input_width=_SIZE[0],
            mean=(),
            std=(),
            global_dim=_HOG_DIM,
            local_dim=0,
            precision="fp32",
            exporter_version="1",
            runtime=f"OpenCV {cv2.__version__}",
        )

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            ImageError: the array is not such an image.
        """
        check_image(image)
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        thumbnail = cv2.resize(gray, _SIZE, interpolation=cv2.INTER_AREA)
        descriptor = np.asarray(self._hog.compute(thumbnail), dtype=np.float32).ravel()
        norm = float(np.linalg.norm(descriptor))
        if norm < 1e-6:  # a uniform image has no gradients: point nowhere in particular
            return Features(np.full(_HOG_DIM, _HOG_DIM**-0.5, dtype=np.float32))
        return Features(descriptor / np.float32(norm))


class SiftDetector:
    """Finds RootSIFT keypoints (C = 128)."""

    name = "sift"
    dim = _SIFT_DIM

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


class CombinedExtractor:
    """Global descriptors of one kind, local features of another, or none."""

    def __init__(self, describer: FeatureExtractor, detector: LocalDetector | None) -> None:
        """Join both; None for global descriptors alone."""
        self._describer, self._detector = describer, detector
        self.description, spec = describer.description, describer.spec
        spec = replace(spec, local_dim=0, pitch=0, has_unit_local=False)
        if detector is not None:
            spec = replace(
                spec,
                method=f"{spec.method}_{detector.name}",
                local_dim=detector.dim,
                settings={**spec.settings, **detector.settings},
                has_unit_local=True,
            )
        self.spec = spec

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            ImageError: the array is not such an image.
            BackendError: the device failed.
        """
        features = self._describer.extract(image)
        local = None if self._detector is None else self._detector.detect(image)
        return replace(features, local=local)


def with_local(describer: FeatureExtractor, local: str, sift: SiftConfig) -> FeatureExtractor:
    """A describer with the local features of the configuration: OWN, SIFT or NONE.

    Raises:
        ConfigError: there are none of this name.
    """
    if local == OWN:
        return describer
    if local == NONE:
        return CombinedExtractor(describer, None)
    if local == SIFT:
        return CombinedExtractor(describer, SiftDetector(sift))
    raise ConfigError(f"local = {local!r}: choose {OWN}, {SIFT} or {NONE}")


def hog_sift(sift: SiftConfig | None = None) -> FeatureExtractor:
    """The method that needs no weights."""
    return with_local(HogDescriber(), SIFT, sift or SiftConfig())


def _root_sift(descriptors: FloatArray) -> FloatArray:
    """L1-normalize and take the square root: inner products become Hellinger kernels."""
    sums = descriptors.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt(descriptors / np.maximum(sums, 1e-9)), dtype=np.float32)
