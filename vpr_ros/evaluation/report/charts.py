# SPDX-License-Identifier: Apache-2.0
"""Recall@N, precision against recall, promises kept, risk, time, similarities and the studies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.evaluation.metrics.rankings import hits_within
from vpr_ros.evaluation.outcomes import Outcomes
from vpr_ros.evaluation.report.cases import Matrix
from vpr_ros.evaluation.report.figures import (
    SERIES,
    Chart,
    Key,
    as_svg,
    colors,
    new_axes,
    new_figure,
)
from vpr_ros.evaluation.scores import RERANKED, RETRIEVAL, Result
from vpr_ros.evaluation.studies import Study, StudyPoint

STAGES = {RETRIEVAL: "retrieval", RERANKED: "reranked"}
_LOW, _HIGH = 30.0, 99.9  # percentiles that become the darkest and the brightest color


def recall_chart(results: Sequence[Result], counts: Sequence[int]) -> Chart:
    """Recall@N of all variants, before and after reranking, by the data set's first rule."""
    figure, axes = new_axes(("N", "queries with a right answer among N"), (False, True))
    every, keys, lows = np.arange(1, max(counts) + 1), [], [0.98]
    for number, result in enumerate(results):
        for stage, words in STAGES.items():
            best, recall = result.best(stage), result.score(stage).recall
            hits = best.hits[best.counted]
            shares = [float(hits_within(hits, n).mean()) for n in every.tolist()]
            key = _key(_named(result, words, results), number, stage == RETRIEVAL)
            _curve(axes, every, shares, key, every=[n - 1 for n in recall])
            keys.append(key)
            lows.append(min(shares))
            known = [(n, r.low, r.high) for n, r in recall.items() if not math.isnan(r.low)]
            if stage == RERANKED and known:
                places, low, high = zip(*known, strict=True)
                axes.vlines(places, low, high, color=colors()[key.color], alpha=0.5, linewidth=1.2)
    axes.set_xticks(sorted({1, *counts}))
    axes.set_ylim(0.1 * math.floor(10.0 * max(0.0, min(lows) - 0.02)), 1.005)
    return Chart("Right among the first N", as_svg(figure, "Recall at N"), keys)


def precision_chart(results: Sequence[Result]) -> Chart:
    """Precision against recall of the best match, for all variants."""
    figure, axes = new_axes(("recall", "precision"), (True, True))
    keys = []
    for number, result in enumerate(results):
        for stage, words in STAGES.items():
            curve = result.best(stage).outcomes.curve
            if curve is None:
                continue
            name = f"{_named(result, words, results)}, area {curve.area:.3f}"
            key = _key(name, number, stage == RETRIEVAL)
            x, y = [0.0, *curve.recall], [curve.precision[0], *curve.precision]
            _curve(axes, x, y, key, every=[])
            keys.append(key)
    _whole(axes)
    title = "Precision against recall"
    return Chart("Accepting only sure matches", as_svg(figure, title), keys)


def reliability_chart(outcomes: Outcomes) -> Chart:
    """What probabilities promise, and what is kept."""
    figure, axes = new_axes(("probability promised", "part that is right"), (True, True))
    promised, right, _ = zip(*outcomes.reliability, strict=True)
    keys = [_key("kept", 0), _key("as promised", 5, dashed=True)]
    _curve(axes, promised, right, keys[0])
    _curve(axes, (0.0, 1.0), (0.0, 1.0), keys[1], every=[])
    _whole(axes)
    return Chart("Are promises kept?", as_svg(figure, "Part that is right by probability"), keys)


def risk_chart(outcomes: Outcomes) -> Chart:
    """What answering only the surest images would get wrong."""
    labels = ("images answered, the surest first", "part of the answers that is wrong")
    figure, axes = new_axes(labels, (True, True))
    risk = outcomes.risk
    assert risk is not None  # asked for by the caller
    _curve(axes, risk.coverage, risk.risk, _key("risk", 0), every=[])
    _whole(axes)
    return Chart("What refusing the doubtful gains", as_svg(figure, "Risk against coverage"))


def study_charts(study: Study, counts: Sequence[int]) -> list[Chart]:
    """Recall and time over what a study changes."""
    names = sorted({point.series for point in study.points}, reverse=True)
    figure, axes = new_axes((study.axis, "recall"), (False, True))
    series = [(name, counts[0], [p for p in study.points if p.series == name]) for name in names]
    if len(names) == 1:
        series = [(f"recall@{count}", count, list(study.points)) for count in counts[:3]]
    keys = [_key(name, number) for number, (name, _, _) in enumerate(series)]
    for key, (_, count, points) in zip(keys, series, strict=True):
        _curve(axes, [p.x for p in points], [p.recall[count] for p in points], key)
    charts = [Chart("Recall", as_svg(figure, study.title), keys)]
    if study.name != "efficiency":  # which has the time along x
        charts.append(_study_time(study.points, study.axis))
    return charts


def _study_time(points: Sequence[StudyPoint], axis: str) -> Chart:
    figure, axes = new_axes((axis, "milliseconds"))
    key = _key("median of a query", 0)
    _curve(axes, [p.x for p in points], [1e3 * p.seconds for p in points], key)
    axes.set_ylim(bottom=0.0)
    return Chart("Time of a query", as_svg(figure, "Time of a query"), [key])


def latency_chart(results: Sequence[Result]) -> Chart:
    """Medians of all stages as bars, and the slowest in twenty as a line beyond."""
    figure, axes = new_figure((900.0, 44.0 + 34.0 * len(results)))
    look, keys = colors(), []
    for row, result in enumerate(results):
        start, total = 0.0, result.latency["total"]
        stages = [stage for stage in result.latency if stage != "total"]
        for number, stage in enumerate(stages):
            width = 1e3 * result.latency[stage][50.0]
            axes.barh(row, width, 0.6, start, color=look[f"c{number % SERIES}"])
            start += width
        axes.hlines(row, start, 1e3 * total[95.0], color=look["soft"], linewidth=1.2)
        label = f"  {1e3 * total[50.0]:.3g} ms"
        place = max(start, 1e3 * total[95.0])
        axes.text(place, row, label, va="center", color=look["ink"], size=13)
        keys = [Key(stage, f"c{number % SERIES}", "■") for number, stage in enumerate(stages)]
    names = [result.run.variant.name for result in results]
    short = [name if len(name) <= 22 else name[:21] + "…" for name in names]
    axes.set_yticks(range(len(names)), [name.replace("$", r"\$") for name in short])
    axes.tick_params(colors=look["soft"], labelsize=12, length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ms")
    axes.grid(axis="x", color=look["line"], linewidth=1)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    return Chart("Median time of a query", as_svg(figure, "Median time of each stage"), keys)


def matrix_chart(matrix: Matrix, outcomes: Outcomes) -> Chart:
    """The similarity of queries with database images, the best match of each query marked."""
    rows, columns = matrix.similarities.shape
    figure, axes = new_figure((560.0 * min(1.6, max(1.0, columns / rows)), 560.0))
    low, high = np.percentile(matrix.similarities, [_LOW, _HIGH])
    shown = {"cmap": "cividis", "vmin": low, "vmax": high, "interpolation": "none"}
    axes.imshow(matrix.similarities, aspect="auto", **shown)
    axes.set_axis_off()
    for is_right, color in ((True, "#7dffb4"), (False, "#ff5a4f")):
        marked = outcomes.judged & (outcomes.best >= 0) & (outcomes.right == is_right)
        marked &= outcomes.right | outcomes.findable
        places = [row for row, query in enumerate(matrix.queries.tolist()) if marked[query]]
        found = np.searchsorted(matrix.database, outcomes.best[matrix.queries[places]])
        axes.scatter(found, places, s=4, color=color, linewidths=0)
    note = (
        f"{rows} of {len(outcomes)} queries as rows, from top to bottom; {columns} database images "
        "as columns. Bright is similar. The best match of each query after reranking is marked: "
        "green is right, red is wrong."
    )
    title = f"Similarity of {rows} queries with {columns} database images"
    return Chart("Similarity of all images", as_svg(figure, title), note=note)


def medians(latency: Mapping[str, Mapping[float, float]]) -> list[float]:
    """Median seconds of extracting, retrieving and reranking."""
    return [latency[stage][50.0] for stage in ("extract", "retrieve", "rerank")]


def _curve(
    axes: Any,
    x: Sequence[float] | NDArray[Any],
    y: Sequence[float] | NDArray[Any],
    key: Key,
    every: Sequence[int] | None = None,
) -> None:
    """A line through points, with dots at some of them; at all by default."""
    look = colors()
    marks = {"marker": "o", "markersize": 6, "markevery": every} if every != [] else {}
    paper = look["panel"] if key.dashed else look[key.color]
    style = {"linestyle": (0, (5, 4)), "linewidth": 1.6} if key.dashed else {"linewidth": 2.2}
    axes.plot(x, y, color=look[key.color], markerfacecolor=paper, **marks, **style)


def _whole(axes: Any) -> None:
    """From nothing to everything in both directions."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))


def _key(name: str, number: int, dashed: bool = False) -> Key:
    return Key(name, f"c{number % SERIES}", dashed=dashed)


def _named(result: Result, stage: str, results: Sequence[Result]) -> str:
    return stage if len(results) == 1 else f"{result.run.variant.name}, {stage}"
