# SPDX-License-Identifier: Apache-2.0
"""Recall@N, precision against recall, risk against coverage, promises kept, and the studies."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vpr_ros.evaluation.metrics import Interval, hits_within
from vpr_ros.evaluation.report.axes import Axes, Axis, round_ticks, share_axis
from vpr_ros.evaluation.report.series import Series, chart
from vpr_ros.evaluation.scores import RERANKED, RETRIEVAL, Result

_STAGES = {RETRIEVAL: "retrieval", RERANKED: "reranked"}


def recall_chart(results: Sequence[Result], counts: Sequence[int]) -> str:
    """Recall@N of all variants, before and after reranking, by the data set's first rule."""
    every = [
        _recall_series(result, stage, color, counts, len(results) == 1)
        for color, result in enumerate(results)
        for stage in _STAGES
    ]
    lows = [y for series in every for _, y in series.points]
    floor = 0.2 * math.floor(5.0 * max(0.0, min(lows) - 0.02))
    highest = max(counts)
    ticks = sorted({1, *(n for n in counts)})
    axes = Axes(
        Axis("N", 1.0, max(2.0, float(highest)), ticks),
        share_axis("queries with a right answer among N", min(floor, 0.8)),
    )
    return chart(axes, every, "Recall at N")


def precision_chart(results: Sequence[Result]) -> str:
    """Precision against recall of the best match, for all variants."""
    every = []
    for color, result in enumerate(results):
        for stage, words in _STAGES.items():
            curve = result.best(stage).outcomes.curve
            if curve is None:
                continue
            points = list(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True))
            points = [(0.0, points[0][1]), *points]
            name = _named(result, words, len(results) == 1)
            told = f"{name}, area {curve.area:.3f}"
            every.append(Series(told, points, color, stage == RETRIEVAL))
    axes = Axes(share_axis("recall"), share_axis("precision"))
    return chart(axes, every, "Precision against recall")


def curve_chart(
    points: Sequence[tuple[float, float]],
    labels: tuple[str, str],
    name: str,
    diagonal: bool = False,
) -> str:
    """One curve between two parts of a whole, and the diagonal if it means something."""
    axes = Axes(share_axis(labels[0]), share_axis(labels[1]))
    every = [Series(name, points, 0, dots=[(x, y, f"{y:.3f} at {x:.3f}") for x, y in points[:40]])]
    if len(points) > 40:
        every = [Series(name, points, 0)]
    if diagonal:
        every.append(Series("as promised", [(0.0, 0.0), (1.0, 1.0)], 5, dashed=True))
    return chart(axes, every, name)


def study_chart(
    every: Sequence[Series], x_label: str, y_label: str, share: bool, title: str
) -> str:
    """What a study found, over the setting that it changes."""
    xs = [x for series in every for x, _ in series.points]
    ys = [y for series in every for _, y in series.points]
    low, high = min(xs), max(xs)
    spare = 0.04 * (high - low) or 1.0
    across = Axis(x_label, low - spare, high + spare, round_ticks(low, high, 6))
    if share:
        floor = 0.1 * math.floor(10.0 * max(0.0, min(ys) - 0.05))
        up = share_axis(y_label, min(floor, 0.9))
    else:
        top = 1.08 * max(ys) or 1.0
        up = Axis(y_label, 0.0, top, round_ticks(0.0, top))
    return chart(Axes(across, up), every, title)


def _recall_series(
    result: Result, stage: str, color: int, counts: Sequence[int], alone: bool
) -> Series:
    best = result.best(stage)
    hits = best.hits[best.counted]
    points = [(float(n), float(hits_within(hits, n).mean())) for n in range(1, max(counts) + 1)]
    recall = result.score(stage).recall
    name = _named(result, _STAGES[stage], alone)
    told = f"{result.run.variant.name}, {_STAGES[stage]}: "
    dots = [(float(n), each.mean, told + _in_words(n, each)) for n, each in recall.items()]
    known = [
        (float(n), each.low, each.high) for n, each in recall.items() if not math.isnan(each.low)
    ]
    whiskers = known if stage == RERANKED else []
    return Series(name, points, color, stage == RETRIEVAL, dots, whiskers)


def _in_words(count: int, share: Interval) -> str:
    words = f"recall@{count} {100 * share.mean:.1f} %"
    if math.isnan(share.low):
        return words
    return f"{words}, {100 * share.low:.1f} to {100 * share.high:.1f} %"


def _named(result: Result, stage: str, alone: bool) -> str:
    return stage if alone else f"{result.run.variant.name}, {stage}"
