# SPDX-License-Identifier: Apache-2.0
"""HOG over a thumbnail: the global descriptor that needs no weights.

HOG (Dalal and Triggs, CVPR 2005) as a whole-image descriptor is a common baseline of place
recognition papers: every network must beat it.
"""

from __future__ import annotations

import cv2
import numpy as np

from vpr_ros.datatypes import Features, FloatArray, ImageArray, ModelSpec
from vpr_ros.errors import BackendError
from vpr_ros.images import check_image

_SIZE = (128, 64)  # (width, height) pixels; cells of 8, blocks of 16, 9 orientations
_DIM = 3780


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
            global_dim=_DIM,
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
        return Features(self._global(np.asarray(gray, np.uint8)))

    def _global(self, gray: ImageArray) -> FloatArray:
        thumbnail = cv2.resize(gray, _SIZE, interpolation=cv2.INTER_AREA)
        descriptor = np.asarray(self._hog.compute(thumbnail), dtype=np.float32).ravel()
        norm = float(np.linalg.norm(descriptor))
        if norm < 1e-6:  # a uniform image has no gradients: point nowhere in particular
            return np.full(_DIM, _DIM**-0.5, dtype=np.float32)
        return descriptor / np.float32(norm)
