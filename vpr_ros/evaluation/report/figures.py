# SPDX-License-Identifier: Apache-2.0
"""Figures as SVG inside a page: its letters, its colors by day and by night, its keys below."""

from __future__ import annotations

import functools
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vpr_ros.errors import ConfigError

STYLE = Path(__file__).with_name("page.css")
MISSING = "reports need {}: pip install -r requirements/evaluation.txt"
SERIES = 6  # colors that tell curves apart, c0 to c5
SIZE = (440.0, 290.0)  # of a chart, in pixels of a page that shows it in its own size

_PIXELS_PER_INCH = 72.0  # as SVG counts them


class Key(NamedTuple):
    """What one curve, bar or mark is."""

    name: str
    color: str  # its name in the page's style
    sign: str = ""  # a letter that looks like the mark; empty for a line
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure with what explains it."""

    title: str
    svg: str
    keys: Sequence[Key] = ()
    note: str = ""


@functools.cache
def colors() -> dict[str, str]:
    """The page's colors by day: name -> hexadecimal RGB."""
    day = STYLE.read_text("utf-8").partition("@media")[0]
    return dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", day))


def blank_figure(size: tuple[float, float], has_room: bool = False) -> Any:
    """An empty figure of matplotlib.

    Args:
        size: (width, height) pixels.
        has_room: whether axes shrink until their labels have room.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(MISSING.format("matplotlib")) from error
    inches = (size[0] / _PIXELS_PER_INCH, size[1] / _PIXELS_PER_INCH)
    return Figure(figsize=inches, dpi=_PIXELS_PER_INCH, layout="constrained" if has_room else None)


def new_figure(size: tuple[float, float] = SIZE) -> tuple[Any, Any]:
    """A figure of (width, height) pixels and its axes, whose labels have room."""
    figure = blank_figure(size, has_room=True)
    return figure, figure.subplots()


def new_axes(
    labels: tuple[str, str], shares: tuple[bool, bool] = (False, False)
) -> tuple[Any, Any]:
    """A figure and axes with a quiet frame.

    Args:
        labels: what x and y are.
        shares: whether they are parts of a whole, to be named in percent.
    """
    figure, axes = new_figure()
    look = colors()
    for name, side, is_share in zip("xy", ("bottom", "left"), shares, strict=True):
        axes.spines[[side, {"bottom": "top", "left": "right"}[side]]].set_visible(False)
        if is_share:
            getattr(axes, f"{name}axis").set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.set_xlabel(labels[0], color=look["soft"], size=12)
    axes.set_ylabel(labels[1], color=look["soft"], size=12)
    axes.tick_params(colors=look["soft"], labelsize=12, length=4, width=1)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=look["line"], linewidth=1)
    axes.set_axisbelow(True)
    return figure, axes


def as_svg(figure: Any, title: str) -> str:
    """The figure as an element of a page, the same for the same figure.

    Args:
        figure: drawn in ``colors``.
        title: what people who do not see it are told.
    """
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    return _inlined(file.getvalue(), title)


def _inlined(document: str, title: str) -> str:
    """Without what a page has for itself: names, letters, a style for everything in it."""
    box = re.search(r'viewBox="[^"]*"', document)
    svg = document[document.index("<svg") :].partition(">")[2]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[a-zA-Z_.0-9]+_\d+"', "", svg)
    svg = re.sub(
        r"font(?:-size)?: ([\d.]+px)[^;\"]*;( font-family: [^;\"]*;)?", r"font-size:\1;", svg
    )
    for name, color in colors().items():
        svg = svg.replace(color, f"var(--{name})")
    head = f'<svg class="chart" role="img" {box.group() if box else ""}>'
    return f"{head}<title>{html.escape(title)}</title>{svg.strip()}"
