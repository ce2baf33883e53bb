# SPDX-License-Identifier: Apache-2.0
"""A camera image beside the keyframe it was matched with, the matched points joined by lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from vpr_ros.datatypes import FloatArray, ImageArray, Recognition, Verdict
from vpr_ros.images import shrink
from vpr_ros.rerankers.matches import Matches

Color: TypeAlias = tuple[int, int, int]  # RGB
Point: TypeAlias = tuple[float, float]  # (x, y) pixels of the finished picture

# A dark frame, and colors that stand out from photographs: this is seen on a robot's screen.
GROUND: Color = (24, 27, 33)
EMPTY: Color = (44, 48, 56)
BRIGHT: Color = (236, 238, 242)
DIM: Color = (160, 166, 176)
COLORS: dict[Verdict, Color] = {
    Verdict.ACCEPTED: (72, 214, 124),
    Verdict.AMBIGUOUS: (255, 178, 44),
    Verdict.UNKNOWN: (196, 202, 214),
}

GAP = 4  # pixels between the images
STRIP = 54  # height of the text below them
_BAR = 4  # height of the line in the verdict's color
_MARGIN = 10
_MOST_LINES = 30  # more hide the images
_WIDEST = 6.0  # widths of a picture over its height from which it is squeezed

_SCALE = 2  # pixels drawn for each pixel of the finished picture, along both axes
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Sight:
    """Everything that the picture shows."""

    query: ImageArray  # RGB, uint8 [H, W, 3]
    match: ImageArray | None  # a picture of the first candidate, of any size; None if there is none
    points: Matches | None  # as parts of width and height; None if there is no candidate
    recognition: Recognition


def draw(sight: Sight, max_side: int) -> ImageArray:
    """The picture, RGB uint8; the query's longer side has at most ``max_side`` pixels in it."""
    query = shrink(sight.query, max_side)
    empty = np.full_like(query, EMPTY)
    match = empty if sight.match is None else sight.match
    points = None if sight.match is None else sight.points
    pair = paired(query, match, points, COLORS[sight.recognition.verdict])
    strip = _strip(sight.recognition, query.shape[1] + GAP, pair.shape[1])
    return np.concatenate([pair, strip])


def paired(
    query: ImageArray,
    match: ImageArray,
    points: Matches | None,
    color: Color,
    stacked: bool = False,
) -> ImageArray:
    """Two images with their matched points joined, RGB uint8.

    The match is made as high as the query, or as wide where it stands below (``stacked``); points
    are parts of width and height.
    """
    match = _fitted(match, query, stacked)
    (height, width), other = query.shape[:2], (match.shape[1], match.shape[0])
    x, y = (0, height + GAP) if stacked else (width + GAP, 0)
    shape = (max(height, y + other[1]), max(width, x + other[0]), 3)
    picture = np.full(shape, GROUND, np.uint8)
    picture[:height, :width], picture[y : y + other[1], x : x + other[0]] = query, match
    if points is not None:
        _join(picture, points.query * (width, height), points.candidate * other + (x, y), color)
    return picture


def _fitted(match: ImageArray, query: ImageArray, stacked: bool) -> ImageArray:
    """The keyframe's picture at the query's height, or at its width."""
    (height, width), aspect = query.shape[:2], min(match.shape[1] / match.shape[0], _WIDEST)
    size = (width, max(1, round(width / aspect))) if stacked else (round(height * aspect), height)
    size = (max(1, size[0]), size[1])
    method = cv2.INTER_AREA if size[1] < match.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(match, size, interpolation=method), np.uint8)


def _join(picture: ImageArray, starts: FloatArray, ends: FloatArray, color: Color) -> None:
    """Dots at all points, lines between some of them: thin, see-through, on a dark edge."""
    lined = picture.copy()
    for number in _spread(len(starts)):
        start, end = _fixed(starts[number]), _fixed(ends[number])
        cv2.line(lined, start, end, color, 1, cv2.LINE_AA, 4)
    picture[:] = cv2.addWeighted(lined, 0.55, picture, 0.45, 0.0)
    points = [_fixed(point) for point in (*starts, *ends)]
    for radius, paint in ((3, GROUND), (2, color)):  # no dot's edge may lie on another dot
        for point in points:
            cv2.circle(picture, point, radius << 4, paint, -1, cv2.LINE_AA, 4)


def _spread(count: int) -> list[int]:
    """Some of so many numbers, evenly far apart."""
    shown = min(count, _MOST_LINES)
    return [(2 * i + 1) * count // (2 * shown) for i in range(shown)]


def _strip(recognition: Recognition, middle: int, width: int) -> ImageArray:
    """What was made of it, in words: under the query the verdict, under the keyframe its name."""
    color = COLORS[recognition.verdict]
    canvas = _Canvas(width, STRIP, GROUND)
    canvas.box((0, 0), (width, _BAR), color)
    verdict = shortened(recognition.verdict.name, 15, middle - 2 * _MARGIN)
    canvas.text((_MARGIN, 24), verdict, 15, color, bold=True)
    after = _MARGIN + 1.1 * text_width(verdict, 15) + 10
    _write(canvas, (after, 24), f"p = {recognition.probability:.2f}", 13, DIM, middle - _MARGIN)
    _write(canvas, (middle + _MARGIN, 24), _of_match(recognition), 13, BRIGHT, width - _MARGIN)
    _write(canvas, (_MARGIN, 45), recognition.reason, 13, DIM, width - _MARGIN)
    return canvas.finished()


def _write(
    canvas: _Canvas, corner: Point, text: str, size: float, color: Color, end: float
) -> None:
    """A line of text that ends before the pixel ``end``."""
    canvas.text(corner, shortened(text, size, max(0.0, end - corner[0])), size, color)


def _of_match(recognition: Recognition) -> str:
    if not recognition.candidates:
        return "no keyframe"
    best = recognition.candidates[0]
    comparison, text = best.comparison, f"{best.keyframe.name}, similarity {best.similarity:.2f}"
    if recognition.pose is not None and recognition.pose.inliers >= 0:
        return f"{text}, pose from {recognition.pose.inliers} points"
    if comparison is None or math.isnan(comparison.score):
        return text
    if comparison.inliers >= 0:
        return f"{text}, {comparison.inliers} inliers"
    return f"{text}, score {comparison.score:.2f}"


def _fixed(point: Point | FloatArray) -> tuple[int, int]:
    """Coordinates in sixteenths of a pixel, as OpenCV takes them."""
    return round(float(point[0]) * 16), round(float(point[1]) * 16)


class _Canvas:
    """Drawn twice as large as wanted, then averaged down; sizes are those of the finished one."""

    def __init__(self, width: int, height: int, color: Color) -> None:
        self._pixels = np.full((height * _SCALE, width * _SCALE, 3), color, np.uint8)

    def box(self, corner: tuple[int, int], size: tuple[int, int], color: Color) -> None:
        """A filled rectangle from its upper left corner."""
        end = (corner[0] + size[0]) * _SCALE, (corner[1] + size[1]) * _SCALE
        start = corner[0] * _SCALE, corner[1] * _SCALE
        cv2.rectangle(self._pixels, start, end, color, -1, cv2.LINE_AA)

    def text(self, corner: Point, text: str, size: float, color: Color, bold: bool = False) -> None:
        """One line of text; ``corner`` is the left end of its base line, ``size`` its height."""
        where = (round(corner[0] * _SCALE), round(corner[1] * _SCALE))
        thick = max(1, round(size * _SCALE * (0.11 if bold else 0.07)))
        scale = _font_scale(size)
        cv2.putText(self._pixels, text, where, _FONT, scale, color, thick, cv2.LINE_AA)

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
