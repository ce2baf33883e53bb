# SPDX-License-Identifier: Apache-2.0
"""Features with the precision of those that are kept, so that keeping them changes no answer."""

from __future__ import annotations

from dataclasses import replace

from vpr_ros.datatypes import Features, ImageArray
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.place_map.codec import codec_of


class AsKeptExtractor:
    """An extractor whose local descriptors are rounded as a map and a cache keep them.

    Without that a robot would compare with others than evaluation does, which reads what it
    described before: two keyframes a step apart may swap places by the last bits.
    """

    def __init__(self, extractor: FeatureExtractor, codec: str) -> None:
        """Take what describes, and the name of a codec for local descriptors.

        Raises:
            MapError: the codec is unknown.
        """
        self._extractor, self._codec = extractor, codec_of(codec)
        self.spec, self.description = extractor.spec, extractor.description

    def extract(self, image: ImageArray) -> Features:
        """Describe one RGB image, uint8 [H, W, 3].

        Raises:
            NothingShownError: there is nothing to describe.
            ImageError: the array is not such an image.
            BackendError: the device failed.
        """
        features = self._extractor.extract(image)
        local = features.local
        if local is None:
            return features
        rounded = self._codec.rounded(local.descriptors)
        return replace(features, local=replace(local, descriptors=rounded))
