# SPDX-License-Identifier: Apache-2.0
"""What searching and reranking need of the features of many images, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Features, FloatArray, LocalFeatures
from vpr_ros.place_map import PlaceMap
from vpr_ros.place_map.codec import encode_local

_BLOCK_BYTES = 64 * 2**20  # of global descriptors that are in memory at a time
_SAMPLE = 200  # images that the size of a place is taken from


class FeatureList(Protocol):
    """Features of N images, which need not fit in memory; D values in a global descriptor."""

    def __len__(self) -> int:
        """N."""
        ...

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which images could be described, [N]."""
        ...

    @property
    def seconds(self) -> NDArray[np.float64]:
        """What describing each image took, [N]; 0 where it is not known."""
        ...

    @property
    def place_bytes(self) -> float:
        """Mean size of an image's features in a map."""
        ...

    def rows(self, start: int, stop: int) -> FloatArray:
        """Global descriptors of some images, float32 [stop - start, D]."""
        ...

    def features(self, number: int) -> Features:
        """Everything that is known of one image."""
        ...


def blocks(images: FeatureList) -> Iterator[tuple[int, FloatArray]]:
    """All global descriptors in pieces of bounded size: (number of the first, float32 [B, D])."""
    size = _block_size(images)
    for start in range(0, len(images), size):
        yield start, images.rows(start, min(start + size, len(images)))


def block_count(images: FeatureList) -> int:
    """How many pieces ``blocks`` gives."""
    return -(-len(images) // _block_size(images))


def _block_size(images: FeatureList) -> int:
    return max(1, _BLOCK_BYTES // max(1, images.rows(0, 1).nbytes))


class MapFeatures:
    """The keyframes of a map, in the order they were appended."""

    def __init__(self, place_map: PlaceMap) -> None:
        """Read the global descriptors.

        Raises:
            MapError: the map is damaged.
        """
        self._map = place_map
        table = place_map.table
        self._keys = table.keys(range(len(table)))
        self._descriptors = place_map.descriptors()
        self.place_bytes = place_map.info().size_bytes / max(1, len(self._keys))
        self.usable = np.ones(len(self._keys), np.bool_)
        self.seconds = np.zeros(len(self._keys))

    def __len__(self) -> int:
        return len(self._keys)

    def rows(self, start: int, stop: int) -> FloatArray:
        """Global descriptors of some keyframes, float32 [stop - start, D]."""
        return self._descriptors[start:stop]

    def features(self, number: int) -> Features:
        """Everything that the map knows of one keyframe.

        Raises:
            MapError: it is damaged.
        """
        return self._map.features_of([self._keys[number]])[0]


class FilteredFeatures:
    """Other features, with a part of the local ones of each image: those of the highest scores."""

    def __init__(self, images: FeatureList, part: float, codec: str = "float16") -> None:
        """Leave out the weaker ones; ``codec`` is for the size of a place."""
        self._images, self._part, self._codec = images, part, codec
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
        if features.local is None:
            return features
        return replace(features, local=strongest(features.local, self._part))

    def _mean_bytes(self) -> float:
        usable = np.flatnonzero(self.usable)
        spread = np.linspace(0, len(usable) - 1, min(_SAMPLE, len(usable))).astype(int)
        images = [self.features(number) for number in usable[spread].tolist()]
        sizes = [len(encode_local(each.local, self._codec)) for each in images]
        return float(np.mean(sizes)) + images[0].global_descriptor.nbytes if images else 0.0


def strongest(local: LocalFeatures, part: float) -> LocalFeatures:
    """The part of local features whose scores are the highest, in their order."""
    kept = np.sort(np.argsort(-local.scores, kind="stable")[: round(part * len(local))])
    return LocalFeatures(
        local.keypoints[kept], local.scores[kept], local.descriptors[kept], local.image_size
    )
