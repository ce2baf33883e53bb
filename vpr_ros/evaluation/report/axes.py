# SPDX-License-Identifier: Apache-2.0
"""The frame that curves are drawn into: scales, grid, ticks and their labels, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vpr_ros.evaluation.report.markup import element, number, text

WIDTH, HEIGHT = 440.0, 290.0  # of a chart, in its own units; a page makes it wider or narrower
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 24.0, 12.0, 42.0


@dataclass(frozen=True)
class Axis:
    """One direction of a chart."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    unit: str = ""  # behind the numbers at the ticks
    scale: float = 1.0  # what the numbers at the ticks are multiplied by


@dataclass(frozen=True)
class Axes:
    """Both directions, and where values lie between them."""

    x: Axis
    y: Axis
    width: float = WIDTH
    height: float = HEIGHT

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a pair of values is drawn."""
        across = (x - self.x.low) / (self.x.high - self.x.low)
        up = (y - self.y.low) / (self.y.high - self.y.low)
        right, bottom = self.width - _RIGHT, self.height - _BOTTOM
        return _LEFT + across * (right - _LEFT), bottom - up * (bottom - _TOP)

    def path(self, points: Iterable[tuple[float, float]], **attributes: object) -> str:
        """A line through pairs of values."""
        places = (self.at(x, y) for x, y in points)
        drawn = " ".join(f"{number(x)},{number(y)}" for x, y in places)
        return element("polyline", points=drawn, fill="none", **attributes)

    def dot(self, x: float, y: float, told: str, **attributes: object) -> str:
        """A dot that says more when it is pointed at."""
        across, down = self.at(x, y)
        title = element("title", text(told))
        return element("circle", title, cx=across, cy=down, r=3.2, **attributes)

    def drawn(self, *contents: str, title: str) -> str:
        """The chart: grid and labels with the contents on top.

        Args:
            contents: SVG in the chart's own units.
            title: what people who do not see it are told.
        """
        view = f"0 0 {number(self.width)} {number(self.height)}"
        parts = [element("title", text(title)), self._grid(), *contents]
        return element("svg", *parts, viewBox=view, role="img", class_="chart")

    def _grid(self) -> str:
        lines = [self._across(tick) for tick in self.y.ticks]
        lines += [self._below(tick) for tick in self.x.ticks]
        middle = (_LEFT + self.width - _RIGHT) / 2
        labels = [
            _label(self.x.label, middle, self.height - 6, "middle"),
            element(
                "text",
                text(self.y.label),
                class_="axis",
                text_anchor="middle",
                transform=f"translate(11 {number((_TOP + self.height - _BOTTOM) / 2)}) rotate(-90)",
            ),
        ]
        return element("g", *lines, *labels)

    def _across(self, tick: float) -> str:
        left, down = self.at(self.x.low, tick)
        line = element("line", x1=left, x2=self.width - _RIGHT, y1=down, y2=down, class_="grid")
        return line + _label(_named(tick, self.y), left - 6, down + 4, "end")

    def _below(self, tick: float) -> str:
        across, bottom = self.at(tick, self.y.low)
        line = element("line", x1=across, x2=across, y1=bottom, y2=bottom + 4, class_="tick")
        return line + _label(_named(tick, self.x), across, bottom + 17, "middle")


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About so many round numbers between two others."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def share_axis(label: str, low: float = 0.0) -> Axis:
    """An axis of parts of a whole, named in percent."""
    return Axis(label, low, 1.0, round_ticks(low, 1.0), unit=" %", scale=100.0)


def _label(words: str, x: float, y: float, anchor: str) -> str:
    return element("text", text(words), x=x, y=y, text_anchor=anchor, class_="axis")


def _named(tick: float, axis: Axis) -> str:
    return f"{axis.scale * tick:g}{axis.unit}"
