# SPDX-License-Identifier: Apache-2.0
"""One picture of a demonstration: the laps with the matches, and what the camera saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vpr_ros.datatypes import ImageArray
from vpr_ros.demo.outcome import Outcome
from vpr_ros.demo.pairs import Pair
from vpr_ros.demo.picture_laps import color_of, draw_laps, draw_legend, draw_times
from vpr_ros.demo.sightings import Sighting, error_m, is_right
from vpr_ros.evaluation.judge import Truth
from vpr_ros.pictures.canvas import FAINT, INK, SOFT, Canvas, Point, shortened

_WIDTH, _HEIGHT = 1800, 1000
_MARGIN = 36
_LEFT = 900  # width of the part with the laps
_TOP = 110  # height of the head
_GAP = 20
_CAPTION = 50
_WIDE = 2.0  # aspect ratio from which pairs stand in one column


@dataclass(frozen=True)
class Scene:
    """Everything that the picture shows."""

    outcome: Outcome
    sightings: Sequence[Sighting]  # in the order of the drive
    keyframes_ns: Sequence[int]
    truth: Truth | None
    pairs: Sequence[Pair]


@dataclass(frozen=True)
class _Grid:
    """Where pairs of images go."""

    columns: int
    rows: int
    image: tuple[int, int]  # width and height of one image, pixels
    pitch: float  # from row to row, pixels


def pair_count(aspect: float) -> int:
    """How many pairs of images have room, by the width of an image over its height."""
    grid = _grid(aspect)
    return grid.columns * grid.rows


def draw(scene: Scene) -> ImageArray:
    """The picture, RGB uint8 [1000, 1800, 3]."""
    canvas = Canvas(_WIDTH, _HEIGHT)
    _draw_head(canvas, scene)
    corner, size = (_MARGIN, _TOP + 40.0), (_LEFT - 2.0 * _MARGIN, _HEIGHT - _TOP - 130.0)
    if scene.truth is not None:
        draw_laps(canvas, corner, size, scene.sightings, scene.keyframes_ns, scene.truth)
    else:
        draw_times(canvas, corner, size, scene.sightings, scene.keyframes_ns)
    draw_legend(canvas, (_MARGIN, _HEIGHT - 30), scene.truth is not None)
    _draw_pairs(canvas, scene)
    return canvas.finished()


def _draw_head(canvas: Canvas, scene: Scene) -> None:
    canvas.text((_MARGIN, 52), "vpr_ros: a place for every frame", 26, INK, bold=True)
    canvas.text((_MARGIN, 86), _summary(scene.outcome), 16, SOFT)
    canvas.line([(_LEFT, _TOP), (_LEFT, _HEIGHT - _MARGIN)], FAINT, 1)
    canvas.text((_LEFT + _MARGIN, 86), "the camera now  |  the keyframe that fits best", 16, SOFT)


def _summary(outcome: Outcome) -> str:
    tally = outcome.tally
    judged = f" ({tally.right} right, {tally.wrong} wrong)" if outcome.judged else ""
    text = f"{outcome.sent} frames: {tally.accepted} accepted{judged}, {tally.ambiguous} ambiguous"
    text += f", {tally.unknown} unknown"
    if outcome.lost:
        text += f", {outcome.lost} lost"
    if "total" in tally.latency_ms:
        text += f"; {tally.latency_ms['total'].median:.0f} ms a frame"
    return shortened(text, 16, _LEFT - 2 * _MARGIN)


def _draw_pairs(canvas: Canvas, scene: Scene) -> None:
    grid = _grid(_aspect(scene.pairs))
    for number, pair in enumerate(scene.pairs[: grid.columns * grid.rows]):
        row, column = divmod(number, grid.columns)
        x = _LEFT + _MARGIN + column * (2 * grid.image[0] + 4 + _GAP)
        y = _TOP + row * grid.pitch
        _draw_pair(canvas, (x, y), grid.image, pair, scene.truth)


def _draw_pair(
    canvas: Canvas, corner: Point, size: tuple[int, int], pair: Pair, truth: Truth | None
) -> None:
    (x, y), (width, height) = corner, size
    for place, image in ((x, pair.query), (x + width + 4, pair.match)):
        canvas.box((place, y), (width, height), FAINT)
        if image is not None:
            canvas.image(image, (place, y), size)
    color, one = color_of(pair.sighting, truth), pair.sighting
    canvas.box((x, y + height), (2 * width + 4, 5), color)
    canvas.text((x, y + height + 25), headline(one, truth), 14, color, bold=True)
    reason = shortened(one.answer.reason, 12, 2 * width + 4)
    canvas.text((x, y + height + 44), reason, 12, SOFT)


def headline(sighting: Sighting, truth: Truth | None) -> str:
    """The verdict, and what the truth says to it."""
    judged, error = is_right(sighting, truth), error_m(sighting, truth)
    text = sighting.verdict.name
    if judged is not None and error is not None:
        text += f", {'right' if judged else 'wrong'} ({error:.1f} m)"
    return text


def _aspect(pairs: Sequence[Pair]) -> float:
    for pair in pairs:
        if pair.query is not None:
            return float(pair.query.shape[1] / pair.query.shape[0])
    return 1.5


def _grid(aspect: float) -> _Grid:
    """One column of large pairs for wide images, two columns otherwise."""
    columns = 1 if aspect >= _WIDE else 2
    room = _WIDTH - _LEFT - 2 * _MARGIN - (columns - 1) * _GAP
    width = (room // columns - 4) // 2
    height = max(40, round(width / aspect))
    room = _HEIGHT - _TOP - _MARGIN + _GAP
    rows = max(1, room // (height + _CAPTION + _GAP))
    return _Grid(columns, rows, (width, height), room / rows)
