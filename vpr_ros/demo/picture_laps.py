# SPDX-License-Identifier: Apache-2.0
"""The two laps from above, one floating over the other, with the matches between them.

Where the truth is not known, the same matches over the time of the two drives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vpr_ros.datatypes import Verdict
from vpr_ros.demo.sightings import Sighting, is_right
from vpr_ros.evaluation.judge import Truth
from vpr_ros.pictures.canvas import (
    BLUE,
    FAINT,
    GRAY,
    GREEN,
    INK,
    ORANGE,
    RED,
    SOFT,
    Canvas,
    Color,
    Point,
    text_width,
)

_LIFT = 0.16  # height of the upper lap over the lower one, as a part of the drawing's height
_TILT = 0.7  # how much the tilted view shortens what lies along the line of sight
_TURN = math.radians(25.0)  # so that no street of a town of right angles runs along the matches
_LEGEND = (
    (GREEN, "accepted, right"),
    (RED, "accepted, wrong"),
    (ORANGE, "ambiguous"),
    (GRAY, "unknown"),
)

FloatArray = npt.NDArray[np.float64]


def color_of(sighting: Sighting, truth: Truth | None) -> Color:
    """Green right, red wrong, orange ambiguous, gray unknown."""
    if sighting.verdict is Verdict.ACCEPTED:
        return RED if is_right(sighting, truth) is False else GREEN
    return ORANGE if sighting.verdict is Verdict.AMBIGUOUS else GRAY


def draw_legend(canvas: Canvas, corner: Point, judged: bool) -> None:
    """What the colors mean, in one row."""
    x, y = corner
    for color, text in _LEGEND:
        if not judged and color == RED:
            continue
        label = text if judged else text.partition(",")[0]
        canvas.dot((x + 5, y - 5), 5, color)
        canvas.text((x + 16, y), label, 14, SOFT)
        x += 16 + text_width(label, 14) + 28


def draw_laps(
    canvas: Canvas,
    corner: Point,
    size: tuple[float, float],
    sightings: Sequence[Sighting],
    keyframes_ns: Sequence[int],
    truth: Truth,
) -> None:
    """Draw the map's lap on the ground, the query's above it, and lines between them.

    Args:
        canvas: Where to draw.
        corner: Upper left corner of the drawing, pixels.
        size: Its (width, height), pixels.
        sightings: In the order of the drive.
        keyframes_ns: Stamps of the map's keyframes.
        truth: The true trajectories.
    """
    below = {stamp: _xy(truth.map_pose(stamp)) for stamp in keyframes_ns}
    above = {one.stamp_ns: _xy(truth.query_pose(one.stamp_ns)) for one in sightings}
    places = [place for place in (*below.values(), *above.values()) if place is not None]
    if not places:
        return
    view = _View(np.array(places), corner, size)
    ground = [view.at(place) for _, place in sorted(below.items()) if place is not None]
    shadow = [view.at(place) for place in above.values() if place is not None]
    canvas.line(shadow, FAINT, 5)
    canvas.line(ground, BLUE, 2)
    for point in ground:
        canvas.dot(point, 2.2, BLUE)
    _draw_matches(canvas, view, sightings, above, truth)
    _draw_answers(canvas, view, sightings, above, truth)
    _name_laps(canvas, ground, [view.at(p, lifted=True) for p in above.values() if p is not None])


def draw_times(
    canvas: Canvas,
    corner: Point,
    size: tuple[float, float],
    sightings: Sequence[Sighting],
    keyframes_ns: Sequence[int],
) -> None:
    """Draw when the matched keyframe was taken over when the query was."""
    (left, top), (width, height) = corner, size
    left, width, height = left + 40, width - 60, height - 50
    canvas.box((left, top), (width, height), FAINT, 1.5)
    canvas.text((left, top + height + 28), "time of the second drive [s]", 14, SOFT)
    canvas.text((left, top - 10), "time of the matched keyframe in the first drive [s]", 14, SOFT)
    across = _Axis([one.stamp_ns for one in sightings], left, width)
    upward = _Axis(list(keyframes_ns), top + height, -height)
    for one in sightings:
        if one.verdict is not Verdict.UNKNOWN and one.match_stamp_ns is not None:
            point = (across.at(one.stamp_ns), upward.at(one.match_stamp_ns))
            canvas.dot(point, 3.0, color_of(one, None))
        else:
            canvas.dot((across.at(one.stamp_ns), top + height), 3.0, GRAY)
    canvas.text((left + width - 60, top + height + 28), f"{across.seconds:.0f}", 14, SOFT)
    canvas.text((left - 38, top + 14), f"{upward.seconds:.0f}", 14, SOFT)


class _View:
    """From meters on the ground to pixels: seen obliquely from above, as large as fits."""

    def __init__(self, places: FloatArray, corner: Point, size: tuple[float, float]) -> None:
        """Fit places, meters [N, 2], into a box."""
        low, high = places.min(axis=0), places.max(axis=0)
        across = 0.0 if high[0] - low[0] >= high[1] - low[1] else -math.pi / 2
        self._cos, self._sin = math.cos(across + _TURN), math.sin(across + _TURN)
        seen = np.array([self._seen(x, y) for x, y in places.tolist()])
        low, high = seen.min(axis=0), seen.max(axis=0)
        extent = np.maximum(high - low, 1.0)
        self._lift = _LIFT * size[1]
        self._scale = float(min(size[0] / extent[0], (size[1] - self._lift) / extent[1]))
        middle = (low + high) / 2 * self._scale
        self._left = corner[0] + size[0] / 2 - float(middle[0])
        self._base = corner[1] + (size[1] + self._lift) / 2 + float(middle[1])

    def at(self, place: tuple[float, float], lifted: bool = False) -> Point:
        x, y = self._seen(*place)
        up = self._lift if lifted else 0.0
        return self._left + x * self._scale, self._base - y * self._scale - up

    def _seen(self, x: float, y: float) -> tuple[float, float]:
        """(right, up) of a place, in meters as they look from the tilted view."""
        return self._cos * x - self._sin * y, (self._sin * x + self._cos * y) * _TILT


class _Axis:
    """From stamps to pixels."""

    def __init__(self, stamps_ns: list[int], start: float, length: float) -> None:
        self._first, last = (min(stamps_ns), max(stamps_ns)) if stamps_ns else (0, 1)
        self._start, self._length = start, length
        self.seconds = max(1, last - self._first) / 1e9

    def at(self, stamp_ns: int) -> float:
        return self._start + self._length * (stamp_ns - self._first) / 1e9 / self.seconds


def _draw_matches(
    canvas: Canvas,
    view: _View,
    sightings: Sequence[Sighting],
    above: dict[int, tuple[float, float] | None],
    truth: Truth,
) -> None:
    """A line from each accepted frame down to the true place of its keyframe; wrong ones last."""
    for one in sorted(sightings, key=lambda one: is_right(one, truth) is False):
        match_ns, place = one.match_stamp_ns, above[one.stamp_ns]
        if one.verdict is not Verdict.ACCEPTED or match_ns is None or place is None:
            continue
        target, color = _xy(truth.map_pose(match_ns)), color_of(one, truth)
        if target is not None:
            width = 2.5 if color == RED else 1.0
            canvas.line([view.at(place, lifted=True), view.at(target)], color, width)


def _draw_answers(
    canvas: Canvas,
    view: _View,
    sightings: Sequence[Sighting],
    above: dict[int, tuple[float, float] | None],
    truth: Truth,
) -> None:
    lap = [view.at(place, lifted=True) for place in above.values() if place is not None]
    canvas.line(lap, INK, 1.5)
    for one in sightings:
        place = above[one.stamp_ns]
        if place is not None:
            canvas.dot(view.at(place, lifted=True), 3.6, color_of(one, truth))


def _name_laps(canvas: Canvas, ground: Sequence[Point], lifted: Sequence[Point]) -> None:
    """Say which is which, at the lowest point of one and the highest of the other."""
    if ground:
        x, y = max(ground, key=lambda point: point[1])
        canvas.text((x - 60, y + 26), "first drive: the map", 15, BLUE, bold=True)
    if lifted:
        x, y = min(lifted, key=lambda point: point[1])
        canvas.text((x - 60, y - 16), "second drive: localized in it", 15, INK, bold=True)


def _xy(pose: object) -> tuple[float, float] | None:
    position = getattr(pose, "position", None)
    return None if position is None else (float(position[0]), float(position[1]))
