# SPDX-License-Identifier: Apache-2.0
"""Drawing that is pleasant to look at: twice as large as wanted, then averaged down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np

from vpr_ros.datatypes import ImageArray

Color: TypeAlias = tuple[int, int, int]  # RGB
Point: TypeAlias = tuple[float, float]  # (x, y) pixels of the finished picture

WHITE: Color = (255, 255, 255)
INK: Color = (32, 36, 44)
SOFT: Color = (110, 116, 126)
FAINT: Color = (222, 225, 230)
BLUE: Color = (70, 105, 175)
GREEN: Color = (28, 150, 82)
RED: Color = (214, 45, 50)
ORANGE: Color = (226, 140, 20)
GRAY: Color = (158, 163, 172)

_SCALE = 2  # pixels drawn for each pixel of the finished picture, along both axes
_SHIFT = 4  # OpenCV takes coordinates in 1/16 pixel
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Canvas:
    """A picture of one color; coordinates and sizes are pixels of the finished one."""

    def __init__(self, width: int, height: int, color: Color = WHITE) -> None:
        self._pixels = np.full((height * _SCALE, width * _SCALE, 3), color, np.uint8)

    def line(self, points: Sequence[Point], color: Color, width: float = 1.5) -> None:
        """Connected straight lines."""
        if len(points) > 1:
            curve = np.array([_fixed(point) for point in points], np.int32)[:, None]
            thick = max(1, round(width * _SCALE))
            cv2.polylines(self._pixels, [curve], False, color, thick, cv2.LINE_AA, _SHIFT)

    def dot(self, center: Point, radius: float, color: Color) -> None:
        """A filled circle."""
        size = round(radius * _SCALE * (1 << _SHIFT))
        cv2.circle(self._pixels, _fixed(center), size, color, -1, cv2.LINE_AA, _SHIFT)

    def box(self, corner: Point, size: Point, color: Color, width: float = 0.0) -> None:
        """A rectangle from its upper left corner; filled if the line has no width."""
        end = (corner[0] + size[0], corner[1] + size[1])
        thick = max(1, round(width * _SCALE)) if width else -1
        start = _fixed(corner)
        cv2.rectangle(self._pixels, start, _fixed(end), color, thick, cv2.LINE_AA, _SHIFT)

    def text(
        self, corner: Point, text: str, size: float = 14.0, color: Color = INK, bold: bool = False
    ) -> None:
        """One line of text; ``corner`` is the left end of its base line, ``size`` its height."""
        where = (round(corner[0] * _SCALE), round(corner[1] * _SCALE))
        thick = max(1, round(size * _SCALE * (0.11 if bold else 0.07)))
        scale = _font_scale(size)
        cv2.putText(self._pixels, text, where, _FONT, scale, color, thick, cv2.LINE_AA)

    def image(self, image: ImageArray, corner: Point, size: tuple[int, int]) -> None:
        """An RGB image, fitted into (width, height) without distortion and centered."""
        height, width = image.shape[:2]
        scale = min(size[0] / width, size[1] / height) * _SCALE
        shape = (max(1, round(width * scale)), max(1, round(height * scale)))
        method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
        fitted = cv2.resize(image, shape, interpolation=method)
        x = round(corner[0] * _SCALE) + (size[0] * _SCALE - shape[0]) // 2
        y = round(corner[1] * _SCALE) + (size[1] * _SCALE - shape[1]) // 2
        self._pixels[y : y + shape[1], x : x + shape[0]] = fitted

    def finished(self) -> ImageArray:
        """The picture, RGB uint8 [H, W, 3]."""
        height, width = (side // _SCALE for side in self._pixels.shape[:2])
        small = cv2.resize(self._pixels, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)


def text_width(text: str, size: float) -> float:
    """Pixels that a line of text takes."""
    (width, _), _ = cv2.getTextSize(text, _FONT, _font_scale(size), 1)
    return float(width) / _SCALE


def shortened(text: str, size: float, width: float) -> str:
    """The text, with an ellipsis if it is wider than ``width`` pixels."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return text.rstrip() + "..."


def _font_scale(size: float) -> float:
    """Hershey letters are 21 pixels high at scale 1."""
    return size * _SCALE / 30.0


def _fixed(point: Point) -> tuple[int, int]:
    factor = _SCALE * (1 << _SHIFT)
    return round(point[0] * factor), round(point[1] * factor)
