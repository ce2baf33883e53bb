# SPDX-License-Identifier: Apache-2.0
"""How points for geometry become bytes: many of them in little room.

A pose gains more from many points than from exact descriptors, so that each value of these is one
of four levels, which the blob brings along: two bits where local features take 16. Positions are
65,536ths of the image's width and height, a fiftieth of a pixel of common cameras. Shapes: N
points, C values of a descriptor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray, LocalFeatures
from vpr_ros.errors import MapError
from vpr_ros.place_map.codec import check_size, seal, unseal

NAME = "two_bits"
_LEVELS = 4
_PER_BYTE = 4
_HEAD = 4 * _LEVELS  # bytes of the levels, float32
_STEPS = 65535.0


def encode_points(points: LocalFeatures) -> bytes:
    """Turn points into a blob of 6 + C / 4 bytes a point.

    Raises:
        MapError: a point lies outside its image.
    """
    parts = (points.keypoints.astype(np.float64) + 0.5) / points.image_size
    if not ((parts >= 0.0) & (parts <= 1.0)).all():
        raise MapError("a point lies outside its image: drop the image")
    places = np.rint(parts * _STEPS).astype("<u2")
    scores = np.minimum(points.scores, np.finfo(np.float16).max).astype("<f2")
    levels, codes = _quantized(points.descriptors)
    payload = levels.astype("<f4").tobytes() + places.tobytes() + scores.tobytes()
    rows, columns = codes.shape
    return seal(rows, columns, payload + _packed(codes).tobytes())


def decode_points(blob: object, image_size: tuple[int, int]) -> LocalFeatures:
    """Turn a blob back into points of an image of this width and height; arrays are read-only.

    Raises:
        MapError: the blob is truncated or damaged.
    """
    rows, columns, payload = unseal(blob)
    width = -(-columns // _PER_BYTE)
    check_size(payload, _HEAD + rows * (6 + width))
    levels = np.frombuffer(payload[:_HEAD], "<f4").astype(np.float32)
    places = np.frombuffer(payload[_HEAD : _HEAD + 4 * rows], "<u2").reshape(rows, 2)
    scores = np.frombuffer(payload[_HEAD + 4 * rows : _HEAD + 6 * rows], "<f2")
    packed = np.frombuffer(payload[_HEAD + 6 * rows :], np.uint8).reshape(rows, width)
    keypoints = places / _STEPS * image_size - 0.5
    arrays = (
        keypoints.astype(np.float32),
        scores.astype(np.float32),
        levels[_unpacked(packed, columns)],
    )
    for array in arrays:
        array.setflags(write=False)
    return LocalFeatures(*arrays, image_size)


def _quantized(descriptors: FloatArray) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Levels [4] and which of them each value is nearest to (Lloyd, 1982), [N, C]."""
    values = descriptors.ravel()
    if not values.size:
        return np.zeros(_LEVELS, np.float32), np.zeros(descriptors.shape, np.uint8)
    low, high = np.quantile(values, [0.05, 0.98]).tolist()
    levels = np.linspace(low, high, _LEVELS)
    for _ in range(8):
        codes = np.digitize(values, 0.5 * (levels[1:] + levels[:-1]))
        counts = np.bincount(codes, minlength=_LEVELS)
        sums = np.bincount(codes, values, minlength=_LEVELS)
        levels = np.sort(np.where(counts > 0, sums / np.maximum(counts, 1), levels))
    codes = np.digitize(values, 0.5 * (levels[1:] + levels[:-1]))
    return levels.astype(np.float32), codes.astype(np.uint8).reshape(descriptors.shape)


def _packed(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = codes.shape
    width = -(-columns // _PER_BYTE)
    filled = np.zeros((rows, width * _PER_BYTE), np.uint8)
    filled[:, :columns] = codes
    fours = filled.reshape(rows, width, _PER_BYTE) << np.array([0, 2, 4, 6], np.uint8)
    return np.asarray(fours.sum(axis=2), np.uint8)


def _unpacked(packed: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    codes = (packed[:, :, None] >> np.array([0, 2, 4, 6], np.uint8)) & np.uint8(3)
    return np.asarray(codes.reshape(len(packed), packed.shape[1] * _PER_BYTE)[:, :columns])
