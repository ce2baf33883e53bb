# SPDX-License-Identifier: Apache-2.0
"""What describes an image."""

from __future__ import annotations

from typing import Protocol

from vpr_ros.datatypes import Features, ImageArray, ModelSpec


class FeatureExtractor(Protocol):
    """One image in, one global descriptor and local features out."""

    spec: ModelSpec
    description: str  # the library, device and precision in use, for people

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            ImageError: the array is not such an image.
            BackendError: the device failed.
        """
        ...
