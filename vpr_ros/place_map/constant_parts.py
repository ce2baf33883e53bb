# SPDX-License-Identifier: Apache-2.0
"""What looks the same in all images of a drive: the robot's own body, an overlay, dirt on the lens.

It moves with the camera, so that any two images agree in it, wherever they were taken. Told by
edges: those of the scene blur when many views are averaged, those that stay where they are do not.
The part of their energy that survives averaging is nearly 1 on a body, also in changing light, and
below 0.3 everywhere else, in corridors and on straight roads, too.
"""

from __future__ import annotations

import json

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray, ImageArray

Grid = NDArray[np.bool_]  # [_ROWS, _COLUMNS], true where images are all the same

FEWEST = 6  # views from which the average tells
_CELL, _ROWS, _COLUMNS = 8, 15, 20  # pixels of a cell's side, and cells
_SURVIVING = 0.5


class ConstantParts:
    """Averages the views of one camera."""

    def __init__(self) -> None:
        self._views = 0
        self._mean = np.zeros((_ROWS * _CELL + 2, _COLUMNS * _CELL + 2), np.float32)
        self._energy = np.zeros((_ROWS, _COLUMNS), np.float32)

    def add(self, image: ImageArray) -> None:
        """Take one more view, from elsewhere than the last; RGB, uint8 [H, W, 3]."""
        height, width = self._mean.shape
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
        self._views += 1
        self._mean += (gray - self._mean) / self._views
        self._energy += (_edges(gray) - self._energy) / self._views

    def grid(self) -> Grid:
        """Where the views are all the same."""
        if self._views < FEWEST:
            return np.zeros((_ROWS, _COLUMNS), np.bool_)
        # Of views that have nothing in common, one in so many survives by chance.
        chance = 1.0 / self._views
        surviving = _edges(self._mean) / np.maximum(self._energy, 1e-6)
        same = (surviving - chance) / (1.0 - chance) > _SURVIVING
        # What is even within a body has no edges that could tell.
        closed = cv2.morphologyEx(same.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        return np.asarray(closed, np.bool_)


def _edges(gray: FloatArray) -> FloatArray:
    """The mean energy of edges in each cell, [_ROWS, _COLUMNS]."""
    across, down = gray[1:-1, 2:] - gray[1:-1, :-2], gray[2:, 1:-1] - gray[:-2, 1:-1]
    energy = (across**2 + down**2).reshape(_ROWS, _CELL, _COLUMNS, _CELL)
    return np.asarray(energy.mean(axis=(1, 3)), np.float32)


def to_json(grids: dict[tuple[str, str], Grid]) -> str:
    """Grids by drive and camera, as a map keeps them."""
    rows = [[*key, np.packbits(grid).tobytes().hex()] for key, grid in grids.items()]
    return json.dumps(rows)


def from_json(text: str) -> dict[tuple[str, str], Grid]:
    """What ``to_json`` wrote."""
    return {(drive, camera): _unpacked(digits) for drive, camera, digits in json.loads(text)}


def _unpacked(digits: str) -> Grid:
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))
    return bits[: _ROWS * _COLUMNS].reshape(_ROWS, _COLUMNS).astype(np.bool_)
