# SPDX-License-Identifier: Apache-2.0
"""The drives from above: where matches were right, where they were wrong, and what was missed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.evaluation.outcomes import MISSED, REFUSED, RIGHT, WRONG, Outcomes
from vpr_ros.evaluation.report.figures import Chart, Key, as_svg, colors, new_figure

Points = NDArray[np.float64]  # [N, 2]; NaN where a pose is not known

_BREAK = 5.0  # steps of usual length from which on a drive is not drawn as connected
_TURN, _TILT, _LIFT = math.radians(25.0), 0.7, 0.16  # of the view from aside
_MARKS: dict[str, dict[str, Any]] = {  # what tells outcomes apart without colors, too
    REFUSED: {"marker": "o", "s": 16, "linewidths": 0},
    RIGHT: {"marker": "o", "s": 40, "linewidths": 0},
    MISSED: {"marker": "o", "s": 52, "facecolors": "none", "linewidths": 2},
    WRONG: {"marker": "x", "s": 64, "linewidths": 2.4},
}  # what matters most lies on top
KEYS = (
    Key("{} right", RIGHT, "●"),
    Key("{} wrong, with a line to the place it was taken for", WRONG, "✕"),
    Key("{} missed: in the database, not accepted", MISSED, "○"),
    Key("{} not in the database, not accepted", REFUSED, "•"),
)


@dataclass(frozen=True)
class Situation:
    """Where the images of a set were taken, and what became of each query."""

    database: Sequence[Pose | None]
    queries: Sequence[Pose | None]
    outcomes: Outcomes  # [Q]
    measured: Sequence[Pose | None] = ()  # [Q] poses that were measured; empty: none were

    @property
    def is_known(self) -> bool:
        """Whether there is anything to draw."""
        return sum(pose is not None for pose in (*self.database, *self.queries)) > 1


def overhead_chart(situation: Situation) -> Chart:
    """The map with its keys."""
    outcomes = situation.outcomes
    figure, axes = new_figure((900.0, 520.0))
    draw_overhead(axes, situation)
    words = outcomes.words
    keys = [Key("database", "refused")]
    for key in KEYS:
        if key.color in words:
            keys.append(key._replace(name=key.name.format(words.count(key.color))))
    if count := sum(pose is not None for pose in situation.measured):
        keys.append(Key(f"{count} measured poses", "ink", "+"))
    note = f"{words.count(RIGHT)} right matches; {outcomes.rule}."
    svg = as_svg(figure, "The queries from above, and what became of them")
    return Chart("From above", svg, keys, note)


def draw_overhead(axes: Any, situation: Situation, lifted: bool = False) -> None:
    """Draw the drives into axes of matplotlib, north up, one scale in both directions.

    Or ``lifted``: seen from aside, the queries' drive floating over the database's, with a line
    from each accepted query to its match.
    """
    look, words = colors(), np.array(situation.outcomes.words)
    ours, theirs = positions(situation.queries), positions(situation.database)
    measured, lift = positions(situation.measured), np.zeros(2)
    if lifted:
        ours, theirs, measured, lift = _from_aside(ours, theirs, measured)
        axes.plot(*_path(ours), color=look["line"], linewidth=5, solid_capstyle="round")
    database = {"color": look["c0"] if lifted else look["refused"], "alpha": 1.0 if lifted else 0.5}
    axes.plot(*_path(theirs), linewidth=2.5, solid_capstyle="round", **database)
    axes.scatter(*theirs.T, s=10, linewidths=0, **database)
    axes.set_aspect("equal")
    axes.set_axis_off()
    joined = (words == WRONG) | ((words == RIGHT) & lifted)
    _lines(axes, ours + lift, theirs, situation.outcomes, np.flatnonzero(joined), words)
    if lifted:
        axes.plot(*_path(ours + lift), color=look["ink"], linewidth=1.5)
        _name_drives(axes, ours + lift, theirs)
    else:
        _ruler(axes, np.concatenate([ours, theirs]))
    for outcome, mark in _MARKS.items():
        style = {"edgecolors" if "facecolors" in mark else "color": look[outcome]}
        axes.scatter(*(ours + lift)[words == outcome].T, zorder=3, **style, **mark)
    axes.scatter(*(measured + lift).T, zorder=4, color=look["ink"], marker="+", s=30, linewidths=1)


def positions(poses: Sequence[Pose | None]) -> Points:
    """Where the poses are in the plane, meters, [N, 2]; NaN for unknown ones."""
    rows = [pose.position[:2] if pose else (np.nan, np.nan) for pose in poses]
    return np.array(rows, float).reshape(-1, 2)


def _from_aside(
    ours: Points, theirs: Points, measured: Points
) -> tuple[Points, Points, Points, Points]:
    """All seen obliquely from above, and how far the first is lifted over the second.

    Turned, so that no street of a town of right angles runs along the matches.
    """
    both = np.concatenate([ours, theirs])
    extent = np.nanmax(both, 0) - np.nanmin(both, 0)
    turn = _TURN if extent[0] >= extent[1] else _TURN - math.pi / 2
    cos, sin = math.cos(turn), math.sin(turn)
    view = np.array([[cos, -sin], [_TILT * sin, _TILT * cos]])
    seen, base = ours @ view.T, theirs @ view.T
    height = np.nanmax(np.concatenate([seen, base])[:, 1]) - np.nanmin(base[:, 1])
    return seen, base, measured @ view.T, np.array([0.0, max(1.0, height) * 2 * _LIFT])


def _path(points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X and y of a drive, interrupted by NaN where it does not go on."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    known = steps[np.isfinite(steps)]
    limit = _BREAK * float(np.median(known)) if len(known) else 0.0
    breaks = np.flatnonzero(steps > limit) + 1
    x, y = np.insert(points, breaks, np.nan, axis=0).T
    return x, y


def _lines(
    axes: Any, ours: Points, theirs: Points, outcomes: Outcomes, which: Any, words: Any
) -> None:
    """From some queries to their matches."""
    for query in which.tolist():
        best = int(outcomes.best[query])
        if best >= 0:
            (x, y), (to_x, to_y) = ours[query], theirs[best]
            width = 1.0 if words[query] == RIGHT else 1.8
            color = colors()[words[query]]
            axes.plot([x, to_x], [y, to_y], color=color, linewidth=width, alpha=0.7)


def _name_drives(axes: Any, ours: Points, theirs: Points) -> None:
    """Say which is which, above the highest point of one and below the lowest of the other."""
    look, style = colors(), {"size": 17, "weight": "bold", "ha": "center"}
    if np.isfinite(ours).any() and np.isfinite(theirs).any():
        high, low = ours[np.nanargmax(ours[:, 1])], theirs[np.nanargmin(theirs[:, 1])]
        for words, place, side, lift, color in (
            ("second drive: localized in it", high, "bottom", 14, "ink"),
            ("first drive: the map", low, "top", -14, "c0"),
        ):
            where = {"xytext": (0, lift), "textcoords": "offset points", "va": side}
            axes.annotate(words, place, color=look[color], **where, **style)


def _ruler(axes: Any, points: Points) -> None:
    """A line of a round number of meters in a corner."""
    extent = float(np.nanmax(np.nanmax(points, 0) - np.nanmin(points, 0)))
    rough = max(0.2 * extent, 1e-3)
    power = 10.0 ** math.floor(math.log10(rough))
    meters = power * next(step for step in (5.0, 2.0, 1.0) if step * power <= rough)
    left, bottom = float(np.nanmin(points[:, 0])), float(np.nanmin(points[:, 1]))
    down = bottom - 0.06 * extent
    axes.plot([left, left + meters], [down, down], color=colors()["soft"], linewidth=1)
    axes.text(left + meters, down, f"  {meters:g} m", va="center", size=12, color=colors()["soft"])
