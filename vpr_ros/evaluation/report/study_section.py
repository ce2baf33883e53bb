# SPDX-License-Identifier: Apache-2.0
"""A study: recall and time over what it changes, as curves and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from vpr_ros.evaluation.report.charts import study_chart
from vpr_ros.evaluation.report.markup import element, text
from vpr_ros.evaluation.report.series import Series
from vpr_ros.evaluation.report.tables import table
from vpr_ros.evaluation.studies import Study, StudyPoint


def study_section(study: Study, counts: Sequence[int]) -> str:
    """The curves and the table."""
    parts = []
    panels = [_panel("Recall", _recall(study, counts))]
    if study.name != "efficiency":
        panels.append(_panel("Time of a query", _time(study)))
    parts.append(element("div", *panels, class_="panels"))
    parts.append(_table(study, counts))
    return element("div", *parts, class_="stack")


def _recall(study: Study, counts: Sequence[int]) -> str:
    """Recall@1 of every series, or recall at several N where there is only one."""
    names = sorted({each.series for each in study.points}, reverse=True)
    if len(names) > 1:
        every = [
            _series(name, color, [p for p in study.points if p.series == name], counts[0])
            for color, name in enumerate(names)
        ]
    else:
        every = [
            _series(f"recall@{count}", color, study.points, count)
            for color, count in enumerate(counts[:3])
        ]
    return study_chart(every, study.axis, "recall", True, study.title)


def _series(name: str, color: int, points: Sequence[StudyPoint], count: int) -> Series:
    pairs = [(each.x, each.recall[count]) for each in points]
    dots = [
        (each.x, each.recall[count], f"{each.label}: {100 * each.recall[count]:.1f} %")
        for each in points
    ]
    return Series(name, pairs, color, dots=dots)


def _time(study: Study) -> str:
    pairs = [(each.x, 1e3 * each.seconds) for each in study.points]
    dots = [(x, y, f"{y:.1f} ms") for x, y in pairs]
    every = [Series("median of a query", pairs, 0, dots=dots)]
    return study_chart(every, study.axis, "milliseconds", False, "Time of a query")


def _table(study: Study, counts: Sequence[int]) -> str:
    head = ["", *(f"R@{count}" for count in counts), "ms", "kB of a place"]
    rows = []
    for each in study.points:
        recall = [f"{100 * each.recall[count]:.1f} %" for count in counts]
        cost = [f"{1e3 * each.seconds:.2f}", f"{each.place_bytes / 1e3:.1f}"]
        label = ", ".join(filter(None, (each.series, each.label)))
        rows.append([text(label), *recall, *cost])
    return table(head, rows)


def _panel(title: str, drawn: str) -> str:
    return element("div", element("h3", text(title)), drawn, class_="panel")
