# SPDX-License-Identifier: Apache-2.0
"""The features that were read last, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from vpr_ros.datatypes import Features


class FeatureCache:
    """Keeps features in memory, the least recently used leave first.

    Consecutive frames of a drive ask for the same candidates again and again.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity = capacity_bytes
        self._features: OrderedDict[int, Features] = OrderedDict()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """What the features in memory take."""
        return self._bytes

    def get(self, keyframe_id: int) -> Features | None:
        """Return the features of a keyframe, None where they are not in memory."""
        features = self._features.get(keyframe_id)
        if features is not None:
            self._features.move_to_end(keyframe_id)
        return features

    def put(self, keyframe_id: int, features: Features) -> None:
        """Remember the features of a keyframe that ``get`` did not know."""
        self._features[keyframe_id] = features
        self._bytes += _bytes_of(features)
        while self._bytes > self._capacity:
            self._bytes -= _bytes_of(self._features.popitem(last=False)[1])

    def fetch(self, keyframe_id: int, read: Callable[[int], Features]) -> Features:
        """Return the features of a keyframe, read where they are not in memory."""
        features = self.get(keyframe_id)
        if features is None:
            features = read(keyframe_id)
            self.put(keyframe_id, features)
        return features

    def clear(self) -> None:
        """Forget everything."""
        self._features.clear()
        self._bytes = 0


def _bytes_of(features: Features) -> int:
    kinds = (features.local, features.points)
    return features.global_descriptor.nbytes + sum(
        kind.size_bytes for kind in kinds if kind is not None
    )
