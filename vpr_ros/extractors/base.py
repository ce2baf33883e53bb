# SPDX-License-Identifier: Apache-2.0
"""What describes an image."""

from __future__ import annotations

from typing import Protocol

from vpr_ros.datatypes import Features, ImageArray, LocalFeatures, ModelSpec


class FeatureExtractor(Protocol):
    """One image in, one global descriptor out, and local features where the method has some."""

    spec: ModelSpec
    description: str  # the library, device and precision in use, for people

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            ImageError: the array is not such an image.
            BackendError: the device failed.
        """
        ...


class LocalDetector(Protocol):
    """One image in, local features out."""

    name: str
    dim: int  # C
    settings: dict[str, float]  # those that its features depend on

    def detect(self, image: ImageArray) -> LocalFeatures:
        """The local features of one RGB image, uint8 [H, W, 3]."""
        ...
