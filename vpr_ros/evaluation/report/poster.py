# SPDX-License-Identifier: Apache-2.0
"""One picture of a drive that was localized: both drives from above, and what the camera saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vpr_ros.datatypes import ImageArray
from vpr_ros.evaluation.outcomes import MISSED, REFUSED, RIGHT, WRONG
from vpr_ros.evaluation.report.figures import blank_figure, colors
from vpr_ros.evaluation.report.overhead import KEYS, Situation, draw_overhead
from vpr_ros.pictures.match_picture import paired

_SIZE = (1800.0, 1000.0)  # pixels
_ROWS = 4  # of pairs
_LEFT, _TOP, _PITCH = 0.51, 0.89, 0.22  # where pairs stand, as parts of the picture
_WIDE = 2.0  # width of images over their height from which pairs stand in one column
_NAMES = {
    RIGHT: "accepted, right",
    WRONG: "accepted, wrong",
    MISSED: "in the map, not accepted",
    REFUSED: "not in the map, not accepted",
}
_LETTERS = 56  # of a reason that have room below a pair of half the width


class Shot(NamedTuple):
    """One image beside its match."""

    query: ImageArray  # RGB, uint8 [H, W, 3]
    match: ImageArray
    headline: str
    reason: str
    color: str  # its name in the page's style


@dataclass(frozen=True)
class Poster:
    """Everything that the picture shows."""

    title: str
    summary: str
    situation: Situation
    times: Sequence[tuple[float, float]]  # seconds of queries and of their matches
    shots: Sequence[Shot]


def write_poster(path: Path, poster: Poster) -> None:
    """Write the picture as PNG, 1800 x 1000 pixels.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    figure, look = blank_figure(_SIZE), colors()
    figure.text(0.02, 0.945, poster.title, size=34, weight="bold", color=look["ink"])
    figure.text(0.02, 0.905, poster.summary, size=18, color=look["soft"])
    map_axes = figure.add_axes((0.01, 0.06, 0.48, 0.80))
    if poster.situation.is_known:
        draw_overhead(map_axes, poster.situation, lifted=True)
        _draw_keys(figure, poster.situation)
    else:
        _draw_times(map_axes, poster.times)
    said = "the camera now  |  the keyframe that fits best"
    figure.text(_LEFT, 0.905, said, size=18, color=look["soft"])
    wide = any(min(i.shape[1] / i.shape[0] for i in s[:2]) > _WIDE for s in poster.shots)
    columns = 1 if wide else 2
    for number, shot in enumerate(poster.shots[: _ROWS * columns]):
        _draw_shot(figure, shot, divmod(number, columns), (1.0 - _LEFT - 0.015) / columns)
    figure.savefig(path, facecolor="white", metadata={"Software": None})


def _draw_shot(figure: Any, shot: Shot, place: tuple[int, int], width: float) -> None:
    """One pair of images with what was made of it."""
    row, column = place
    left, top = _LEFT + column * width, _TOP - row * _PITCH
    axes = figure.add_axes((left, top - _PITCH + 0.07, width - 0.012, _PITCH - 0.075))
    axes.imshow(paired(shot.query, shot.match, None, (0, 0, 0)), aspect="equal")
    axes.set_anchor("SW")
    axes.set_axis_off()
    color, letters = colors()[shot.color], round(_LETTERS * width / 0.22)
    below = top - _PITCH + 0.045
    figure.text(left, below, shot.headline, size=17, weight="bold", color=color)
    reason = shot.reason if len(shot.reason) <= letters else shot.reason[: letters - 1] + "…"
    figure.text(left, below - 0.023, reason, size=13, color=colors()["soft"])


def _draw_keys(figure: Any, situation: Situation) -> None:
    words, left = situation.outcomes.words, 0.02
    for key in KEYS:
        if key.color in words:
            name = _NAMES[key.color]
            figure.text(left, 0.03, key.sign, size=18, color=colors()[key.color])
            figure.text(left + 0.013, 0.03, name, size=17, color=colors()["soft"])
            left += 0.035 + 0.0053 * len(name)


def _draw_times(axes: Any, times: Sequence[tuple[float, float]]) -> None:
    """When the matched keyframe was taken over when the query was: nobody knows where."""
    axes.set_position((0.06, 0.12, 0.41, 0.74))
    points = np.array(times, float).reshape(-1, 2)
    if len(points):
        axes.scatter(*(points - points.min(axis=0)).T, s=40, color=colors()["c0"], linewidths=0)
    axes.set_xlabel("seconds of the second drive", size=17, color=colors()["soft"])
    axes.set_ylabel("seconds of the matched keyframe in the first drive", size=17)
    axes.tick_params(colors=colors()["soft"], labelsize=15)
