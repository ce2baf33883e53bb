# SPDX-License-Identifier: Apache-2.0
"""The drives from above: where matches were right, where they were wrong, and what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.evaluation.outcomes import MISSED, REFUSED, RIGHT, WRONG, Outcomes
from vpr_ros.evaluation.report.markup import element, number, text

_WIDTH, _MOST_HEIGHT, _MARGIN = 900.0, 560.0, 24.0
_MOST_DOTS = 4000  # of one list of images
_BREAK = 5.0  # steps of usual length from which on a drive is not drawn as connected
_SYMBOLS = {  # what tells outcomes apart without colors
    RIGHT: "filled",
    WRONG: "cross",
    MISSED: "ring",
    REFUSED: "small",
}
_WORDS = {
    RIGHT: "right",
    WRONG: "wrong, with a line to the place it was taken for",
    MISSED: "missed: in the database, not accepted",
    REFUSED: "not in the database, not accepted",
}


@dataclass(frozen=True)
class Situation:
    """Where the images of a set were taken, and what became of each query."""

    database: Sequence[Pose | None]
    queries: Sequence[Pose | None]
    outcomes: Outcomes  # [Q]


def overhead_map(situation: Situation) -> str:
    """The map as SVG with its legend; empty where too few poses are known."""
    ours, theirs = _positions(situation.queries), _positions(situation.database)
    known = np.concatenate([ours, theirs])
    known = known[np.isfinite(known).all(axis=1)]
    if len(known) < 2:
        return ""
    sheet = _Sheet(known)
    drawn = [_path(sheet, theirs)]
    for outcome in (REFUSED, RIGHT, MISSED, WRONG):  # what matters most lies on top
        drawn += _marks(sheet, situation, ours, theirs, outcome)
    drawn.append(sheet.ruler())
    view = f"0 0 {number(_WIDTH)} {number(sheet.height)}"
    title = element("title", "The queries from above, and what became of them")
    svg = element("svg", title, *drawn, viewBox=view, role="img", class_="chart overhead")
    return svg + _legend(situation)


class _Sheet:
    """Where a position is drawn: the same scale in both directions."""

    def __init__(self, positions: NDArray[np.float64]) -> None:
        low, high = positions.min(axis=0), positions.max(axis=0)
        size = np.maximum(high - low, 1e-6)
        room = (_WIDTH - 2 * _MARGIN, _MOST_HEIGHT - 2 * _MARGIN)
        self._scale = float(min(room / size))
        self._low, self._high = low, high
        self.height = float(max(120.0, self._scale * size[1] + 2 * _MARGIN))
        self._left = (_WIDTH - self._scale * size[0]) / 2

    def at(self, position: NDArray[np.float64]) -> tuple[float, float]:
        """North is up."""
        x, y = position
        across = self._left + (x - self._low[0]) * self._scale
        return float(across), float(_MARGIN + (self._high[1] - y) * self._scale)

    def ruler(self) -> str:
        """A line of a round number of meters."""
        meters = 10.0 ** np.floor(np.log10(max(160.0 / self._scale, 1e-3)))
        meters *= (
            5 if 5 * meters * self._scale <= 160 else 2 if 2 * meters * self._scale <= 160 else 1
        )
        left, down = _MARGIN, self.height - 10
        right = left + float(meters) * self._scale
        line = element("line", x1=left, x2=right, y1=down, y2=down, class_="ruler")
        label = element("text", text(f"{meters:g} m"), x=right + 6, y=down + 4, class_="axis")
        return line + label


def _positions(poses: Sequence[Pose | None]) -> NDArray[np.float64]:
    rows = [each.position[:2] if each else (np.nan, np.nan) for each in poses]
    return np.array(rows, float).reshape(-1, 2)


def _path(sheet: _Sheet, positions: NDArray[np.float64]) -> str:
    """The database's drive: dots, joined where one follows the other."""
    step = max(1, -(-len(positions) // _MOST_DOTS))
    places = [sheet.at(each) for each in positions[::step] if np.isfinite(each).all()]
    gaps = np.linalg.norm(np.diff(np.array(places).reshape(-1, 2), axis=0), axis=1)
    limit = _BREAK * float(np.median(gaps)) if len(gaps) else 0.0
    drawn = ""
    for i, (across, down) in enumerate(places):
        follows = i > 0 and gaps[i - 1] <= limit
        drawn += f"{'L' if follows else 'M'}{number(across)} {number(down)}"
        drawn += "" if follows else "h0"  # a dot, also where nothing follows
    return element("path", d=drawn, class_="database")


def _marks(
    sheet: _Sheet,
    situation: Situation,
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    outcome: str,
) -> list[str]:
    """The queries that had one outcome."""
    members = [i for i, each in enumerate(situation.outcomes.words) if each == outcome]
    members = [i for i in members if np.isfinite(ours[i]).all()]
    drawn = []
    for query in members[:: max(1, -(-len(members) // _MOST_DOTS))]:
        place, best = sheet.at(ours[query]), int(situation.outcomes.best[query])
        told = f"query {query}: {outcome}"
        if outcome == WRONG and best >= 0 and np.isfinite(theirs[best]).all():
            drawn.append(_line(place, sheet.at(theirs[best])))
        drawn.append(_mark(place, outcome, told))
    return drawn


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_="astray")


def _mark(place: tuple[float, float], outcome: str, told: str) -> str:
    x, y = place
    title = element("title", text(told))
    if _SYMBOLS[outcome] == "cross":
        d = f"M{number(x - 4)} {number(y - 4)}l8 8m0 -8l-8 8"
        return element("path", title, d=d, class_=outcome)
    radius = {"filled": 3.4, "ring": 4.0, "small": 2.2}[_SYMBOLS[outcome]]
    return element("circle", title, cx=x, cy=y, r=radius, class_=outcome)


def _legend(situation: Situation) -> str:
    keys = [_key("database", "database")]
    for outcome, words in _WORDS.items():
        count = situation.outcomes.words.count(outcome)
        if count:
            keys.append(_key(outcome, f"{count} {words}"))
    return element("ul", *keys, class_="legend")


def _key(outcome: str, words: str) -> str:
    inside = (
        element("path", d="M1 7h12", class_="database")
        if outcome == "database"
        else _mark((7.0, 7.0), outcome, words)
    )
    sign = element("svg", inside, viewBox="0 0 14 14", class_="sign", aria_hidden="true")
    return element("li", sign, text(words))
