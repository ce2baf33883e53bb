# SPDX-License-Identifier: Apache-2.0
"""Several curves in one chart, with the legend that tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vpr_ros.evaluation.report.axes import Axes
from vpr_ros.evaluation.report.markup import element, text

COLORS = 6  # that the page's style knows, as classes c0 to c5
_MOST_POINTS = 300  # of a curve: more cannot be seen


@dataclass(frozen=True)
class Series:
    """One curve."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    dashed: bool = False
    dots: Sequence[tuple[float, float, str]] = ()  # (x, y, what is told of it)
    whiskers: Sequence[tuple[float, float, float]] = ()  # (x, low, high)


def chart(axes: Axes, every: Sequence[Series], title: str) -> str:
    """The curves in their frame, and the legend below."""
    drawn = [_curve(axes, series) for series in every]
    return axes.drawn(*drawn, title=title) + legend(every)


def legend(every: Sequence[Series]) -> str:
    """What each curve is."""
    keys = []
    for series in every:
        swatch = element("span", class_=f"key {_class(series)}", aria_hidden="true")
        keys.append(element("li", swatch, text(series.name)))
    return element("ul", *keys, class_="legend")


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Some of the points of a curve, its ends among them."""
    if len(points) <= _MOST_POINTS:
        return list(points)
    step = (len(points) - 1) / (_MOST_POINTS - 1)
    return [points[round(i * step)] for i in range(_MOST_POINTS)]


def _curve(axes: Axes, series: Series) -> str:
    parts = [axes.path(thinned(series.points), class_="line")]
    for x, low, high in series.whiskers:
        (across, top), (_, bottom) = axes.at(x, high), axes.at(x, low)
        parts.append(element("line", x1=across, x2=across, y1=top, y2=bottom, class_="whisker"))
    parts += [axes.dot(x, y, told, class_="dot") for x, y, told in series.dots]
    return element("g", *parts, class_=_class(series))


def _class(series: Series) -> str:
    return f"c{series.color % COLORS}" + (" dashed" if series.dashed else "")
