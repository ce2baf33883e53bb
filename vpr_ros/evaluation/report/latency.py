# SPDX-License-Identifier: Apache-2.0
"""Where the time goes: one bar for each variant, one part for each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vpr_ros.evaluation.report.axes import round_ticks
from vpr_ros.evaluation.report.markup import element, number, text

_WIDTH, _ROW, _LEFT = 900.0, 34.0, 150.0
Latency = Mapping[str, Mapping[float, float]]  # stage -> percent -> seconds


def latency_chart(named: Sequence[tuple[str, Latency]]) -> str:
    """Medians as bars, and the slowest in a hundred as a line beyond.

    Args:
        named: of each variant its name and how long its stages took.
    """
    longest = max(latency["total"][95.0] for _, latency in named)
    scale = (_WIDTH - _LEFT - 70.0) / max(longest, 1e-9)
    height = _ROW * len(named) + 36.0
    ticks = [_tick(1e-3 * each, scale, height) for each in round_ticks(0.0, 1e3 * longest, 7)]
    bars = [_bar(row, name, latency, scale) for row, (name, latency) in enumerate(named)]
    view = f"0 0 {number(_WIDTH)} {number(height)}"
    title = element("title", "Median time of each stage")
    svg = element("svg", title, *ticks, *bars, viewBox=view, role="img", class_="chart wide")
    stages = [stage for stage in named[0][1] if stage != "total"]
    keys = [
        element("li", element("span", class_=f"key s{i % 6}", aria_hidden="true"), text(stage))
        for i, stage in enumerate(stages)
    ]
    return svg + element("ul", *keys, class_="legend")


def _tick(seconds: float, scale: float, height: float) -> str:
    x = _LEFT + seconds * scale
    line = element("line", x1=x, x2=x, y1=4.0, y2=height - 24, class_="grid")
    words = text(f"{1e3 * seconds:g} ms")
    return line + element("text", words, x=x, y=height - 8, text_anchor="middle", class_="axis")


def _bar(row: int, name: str, latency: Latency, scale: float) -> str:
    top, x = 8.0 + _ROW * row, _LEFT
    shown = name if len(name) <= 22 else name[:21] + "…"
    label = element("text", text(shown), x=_LEFT - 10, y=top + 15, text_anchor="end", class_="axis")
    parts = [label]
    for i, (stage, percentiles) in enumerate(latency.items()):
        if stage == "total":
            continue
        width = percentiles[50.0] * scale
        title = element("title", text(f"{stage}: {1e3 * percentiles[50.0]:.2f} ms"))
        shape = {"x": x, "y": top, "width": max(width, 0.5), "height": 20.0}
        parts.append(element("rect", title, class_=f"s{i % 6}", **shape))
        x += width
    total = latency["total"]
    end = _LEFT + total[95.0] * scale
    parts.append(element("line", x1=x, x2=end, y1=top + 10, y2=top + 10, class_="whisker"))
    words = f"{1e3 * total[50.0]:.3g} ms"
    parts.append(element("text", text(words), x=end + 8, y=top + 15, class_="value"))
    return "".join(parts)
