# SPDX-License-Identifier: Apache-2.0
"""Tables of the page: recall, precision, times, verdicts, studies, and the papers' figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vpr_ros.evaluation.judge import Verdicts
from vpr_ros.evaluation.metrics.bootstrap import Interval
from vpr_ros.evaluation.metrics.localization import Errors, error_percentiles
from vpr_ros.evaluation.metrics.pose_errors import PERCENTS, PoseErrors
from vpr_ros.evaluation.published.costs import COSTS
from vpr_ros.evaluation.published.recalls import published_recalls
from vpr_ros.evaluation.report.charts import STAGES, medians
from vpr_ros.evaluation.scores import EVERYTHING, RERANKED, Result, Score
from vpr_ros.evaluation.studies import Study

_PAPERS_AT = (1, 5, 10)  # the N of the papers


@dataclass(frozen=True)
class Table:
    """Rows below a head; a cell may have a second, smaller line."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | tuple[str, str]]]
    own: int = 0  # rows from the top that stand out
    words: bool = False  # whether the last column holds sentences


def recall_table(results: Sequence[Result], counts: Sequence[int]) -> Table:
    """Recall of all variants, stages, rules and conditions."""
    rows = [
        _recall_row(result, score, results, counts)
        for result in results
        for score in sorted(result.scores, key=lambda each: each.condition != EVERYTHING)
    ]
    head = ["", "queries", *(f"R@{count}" for count in counts)]
    if any(each.mean_average_precision is not None for r in results for each in r.scores):
        head.append("mAP")
    return Table(head, [row[: len(head)] for row in rows])


def precision_table(results: Sequence[Result]) -> Table:
    """What accepting only sure answers gives."""
    rows = []
    for result in results:
        for best in result.matches:
            curve = best.outcomes.curve
            if curve is not None:
                sure = [curve.recall_at_precision(precision) for precision in (1.0, 0.99)]
                values = (curve.area, *sure, curve.extended_precision)
                name = _name(result, results, STAGES[best.stage], best.rule, "")
                rows.append([name, *(f"{each:.3f}" for each in values)])
    head = ["", "average precision", "recall at 100 %", "recall at 99 %", "extended precision"]
    return Table(head, rows)


def latency_table(results: Sequence[Result]) -> Table:
    """Milliseconds of every stage."""
    rows = []
    for result in results:
        for stage, percentiles in result.latency.items():
            name = _name(result, results, stage, "", "")
            rows.append([name, *(f"{1e3 * each:.2f}" for each in percentiles.values())])
    percents = next(iter(results[0].latency.values()))
    return Table(["milliseconds", *(f"{percent:g} %" for percent in percents)], rows)


def errors_table(errors: Errors) -> Table:
    """How far the best match was taken from the query, and how it is turned."""
    percents = (50.0, 75.0, 90.0, 95.0)
    meters, radians = error_percentiles(errors, percents)
    rows = [
        ["meters", *(f"{each:.2f}" for each in meters)],
        ["degrees", *(f"{each:.1f}" for each in np.degrees(radians))],
    ]
    return Table(["", *(f"{percent:g} %" for percent in percents)], rows)


def verdicts_table(verdicts: Verdicts) -> Table:
    """Counts and ratios of the localizer's answers."""
    tally, outcomes = verdicts.tally, verdicts.outcomes
    counts = ("accepted", "right", "wrong", "ambiguous", "unknown")
    ratios = {
        "precision": tally.precision,
        "recall": tally.recall,
        "calibration error": outcomes.calibration_error,
        "area under risk": outcomes.risk.area if outcomes.risk else math.nan,
    }
    values = ["" if math.isnan(each) else f"{each:.3f}" for each in ratios.values()]
    numbers = [str(getattr(tally, name)) for name in counts]
    return Table([*counts, *ratios], [[*numbers, *values]])


def poses_table(poses: PoseErrors) -> Table:
    """How far measured poses are from the true ones."""
    meters, radians = poses.percentiles
    rows = [
        ["meters", *(f"{each:.3f}" for each in meters)],
        ["degrees", *(f"{each:.2f}" for each in np.degrees(radians))],
    ]
    return Table(["measured poses", *(f"{percent:g} %" for percent in PERCENTS)], rows)


def study_table(study: Study, counts: Sequence[int]) -> Table:
    """Every value of a study."""
    rows = []
    for each in study.points:
        recall = [f"{100 * each.recall[count]:.1f} %" for count in counts]
        cost = [f"{1e3 * each.seconds:.2f}", f"{each.place_bytes / 1e3:.1f}"]
        rows.append([", ".join(filter(None, (each.series, each.label))), *recall, *cost])
    return Table(["", *(f"R@{count}" for count in counts), "ms", "kB of a place"], rows)


def published_table(name: str, results: Sequence[Result]) -> Table | None:
    """One's own recall beside that of papers; None where they do not know the data set."""
    papers = published_recalls(name)
    rows = [
        [paper.method, *_shares(paper.recall), ". ".join(filter(None, (paper.source, paper.note)))]
        for paper in papers
    ]
    own = []
    for result in results:
        recall = {n: each.mean for n, each in result.score(RERANKED).recall.items()}
        own.append([result.run.variant.name, *_shares(recall), "this report"])
    head = ["method", *(f"R@{count}" for count in _PAPERS_AT), "source"]
    return Table(head, [*own, *rows], len(own), words=True) if papers else None


def costs_table(results: Sequence[Result]) -> Table:
    """One's own time and memory beside those of papers."""
    rows = []
    for result in results:
        times = [f"{1e3 * seconds:.1f} ms" for seconds in medians(result.latency)]
        size = f"{result.run.place_bytes / 1e3:.0f}"
        rows.append([result.run.variant.name, *times, size, "this report"])
    for cost in COSTS:
        stages = (cost.extraction_ms, cost.retrieval_ms, cost.reranking_ms)
        times = ["" if each is None else f"{each:g} ms" for each in stages]
        rows.append([cost.method, *times, f"{cost.million_gib * 2**30 / 1e9:.3g}", cost.source])
    head = ["method", "extract", "retrieve", "rerank", "kB of a place", "source"]
    return Table(head, rows, len(results), words=True)


def _shares(recall: Mapping[int, float]) -> list[str]:
    return [f"{100 * recall[count]:.1f} %" if count in recall else "" for count in _PAPERS_AT]


def _recall_row(
    result: Result, score: Score, results: Sequence[Result], counts: Sequence[int]
) -> list[str | tuple[str, str]]:
    condition = "" if score.condition == EVERYTHING else score.condition
    name = _name(result, results, STAGES[score.stage], score.rule, condition)
    mean = score.mean_average_precision
    row = [name, str(score.queries), *(_share(score.recall[count]) for count in counts)]
    return [*row, "" if mean is None else f"{mean:.3f}"]


def _share(interval: Interval) -> str | tuple[str, str]:
    """A part of the queries in percent, with its interval if there is one."""
    mean = f"{100 * interval.mean:.1f} %"
    if math.isnan(interval.low):
        return mean
    return mean, f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"


def _name(result: Result, results: Sequence[Result], stage: str, rule: str, other: str) -> str:
    """What a row is about: only what tells it from the others."""
    rules = {each.rule for each in result.scores}
    variant = result.run.variant.name if len(results) > 1 else ""
    return ", ".join(filter(None, (variant, other, stage, rule if len(rules) > 1 else "")))
