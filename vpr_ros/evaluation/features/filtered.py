# SPDX-License-Identifier: Apache-2.0
"""Features of images with some of the local ones left out, as if a model had never given them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Features, FloatArray, LocalFeatures
from vpr_ros.evaluation.features.feature_list import FeatureList
from vpr_ros.place_map.codec import HEADER, POINT_BYTES, codec_of

Keep = Callable[[LocalFeatures], NDArray[np.bool_]]  # which rows stay, [N]

_SAMPLE = 200  # images that the size of a place is taken from


class FilteredFeatures:
    """Other features, with fewer local ones for each image."""

    def __init__(self, images: FeatureList, keep: Keep, codec: str = "float16") -> None:
        """Leave out what ``keep`` does not want; ``codec`` is for the size of a place."""
        self._images, self._keep, self._codec = images, keep, codec
        self.usable, self.seconds = images.usable, images.seconds
        self.place_bytes = self._mean_bytes()

    def __len__(self) -> int:
        return len(self._images)

    def rows(self, start: int, stop: int) -> FloatArray:
        """Global descriptors, which stay what they are."""
        return self._images.rows(start, stop)

    def features(self, number: int) -> Features:
        """Features of one image without what is left out."""
        features = self._images.features(number)
        local = features.local
        if local is None:
            return features
        kept = self._keep(local)
        fewer = LocalFeatures(
            local.keypoints[kept], local.scores[kept], local.descriptors[kept], local.image_size
        )
        return replace(features, local=fewer)

    def _mean_bytes(self) -> float:
        usable = np.flatnonzero(self.usable)
        spread = np.linspace(0, len(usable) - 1, min(_SAMPLE, len(usable))).astype(int)
        sizes = [self._bytes(self.features(int(usable[each]))) for each in spread]
        return float(np.mean(sizes)) if sizes else 0.0

    def _bytes(self, features: Features) -> int:
        rows, columns = features.local.descriptors.shape if features.local is not None else (0, 0)
        local = HEADER.size + rows * POINT_BYTES + codec_of(self._codec).size(rows, columns)
        return int(local + features.global_descriptor.nbytes)


def strongest(part: float) -> Keep:
    """Keep a part of the local features: those of the highest scores."""

    def keep(local: LocalFeatures) -> NDArray[np.bool_]:
        kept = np.zeros(len(local), np.bool_)
        kept[np.argsort(-local.scores, kind="stable")[: round(part * len(local))]] = True
        return kept

    return keep
