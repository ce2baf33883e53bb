# SPDX-License-Identifier: Apache-2.0
"""What ``evaluate`` says at the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from vpr_ros.evaluation.judge import Verdicts
from vpr_ros.evaluation.metrics.pose_errors import PERCENTS, PoseErrors
from vpr_ros.evaluation.published.recalls import published_recalls
from vpr_ros.evaluation.report.page import Findings, in_words, poses_in_words
from vpr_ros.evaluation.scores import EVERYTHING, RERANKED, Result, Score
from vpr_ros.evaluation.studies import Study


def lines_of(findings: Findings) -> Iterator[str]:
    """The findings as lines for people."""
    data = findings.data
    yield f"{data.name}: {len(data.queries.names)} queries in {len(data.database.names)} images"
    yield from (f"  {note}" for note in findings.notes)
    if findings.results:
        yield ""
        yield from _recall(findings.results, findings.counts)
        yield from published(data.name)
        yield ""
        yield from _cost(findings.results)
    if findings.study is not None:
        yield ""
        yield from _study(findings.study, findings.counts)
    if findings.verdicts is not None:
        yield ""
        yield from _verdicts(findings.verdicts)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with columns of equal width: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  ".join([f"{row[0]:{widths[0]}}", *cells]).rstrip()


def _recall(results: Sequence[Result], counts: Sequence[int]) -> Iterator[str]:
    means = any(each.mean_average_precision is not None for r in results for each in r.scores)
    head = ["", "queries", *(f"R@{n}" for n in counts), "95 % of R@1", "AP", *(["mAP"] * means)]
    rows = [head]
    for result in results:
        for score in sorted(result.scores, key=lambda each: each.condition != EVERYTHING):
            rows.append(_recall_row(result, score, len(results), counts)[: len(head)])
    yield from aligned(rows)


def _recall_row(result: Result, score: Score, variants: int, counts: Sequence[int]) -> list[str]:
    rules = {each.rule for each in result.scores}
    condition = "" if score.condition == EVERYTHING else score.condition
    name = result.run.variant.name if variants > 1 else ""
    parts = (name, condition, score.stage, score.rule if len(rules) > 1 else "")
    first = score.recall[counts[0]]
    curve = result.best(score.stage, score.rule).outcomes.curve
    area = "" if curve is None or condition else f"{curve.area:.3f}"
    mean = score.mean_average_precision
    return [
        ", ".join(filter(None, parts)),
        str(score.queries),
        *(f"{100 * score.recall[count].mean:.1f}" for count in counts),
        "" if math.isnan(first.low) else f"{100 * first.low:.1f} to {100 * first.high:.1f}",
        area,
        "" if mean is None else f"{mean:.3f}",
    ]


def published(data_set: str) -> Iterator[str]:
    """What papers say of a data set, for orientation; nothing where they say nothing."""
    papers = published_recalls(data_set)
    if not papers:
        return
    counts = sorted({count for each in papers for count in each.recall})
    rows = [["as published", *(f"R@{count}" for count in counts)]]
    for each in papers:
        shares = [f"{100 * each.recall[n]:.1f}" if n in each.recall else "" for n in counts]
        rows.append([f"{each.method} ({each.source})", *shares])
    yield ""
    yield from aligned(rows)


def _cost(results: Sequence[Result]) -> Iterator[str]:
    rows = [["", "stage", "median ms", "95 %", "kB of a place"]]
    for result in results:
        for stage, percentiles in result.latency.items():
            first = stage == next(iter(result.latency))
            size = f"{result.run.place_bytes / 1e3:.1f}" if first else ""
            name = result.run.variant.name if first else ""
            times = [f"{1e3 * percentiles[percent]:.2f}" for percent in (50.0, 95.0)]
            rows.append([name, stage, *times, size])
    yield from aligned(rows)
    curves = [each.best(RERANKED).outcomes.curve for each in results]
    rows = [["", "recall at 100 % precision", "at 99 %", "extended precision"]]
    for result, curve in zip(results, curves, strict=True):
        if curve is not None:
            sure = [curve.recall_at_precision(precision) for precision in (1.0, 0.99)]
            values = [f"{each:.3f}" for each in (*sure, curve.extended_precision)]
            rows.append([result.run.variant.name, *values])
    if len(rows) > 1:
        yield ""
        yield from aligned(rows)


def _study(study: Study, counts: Sequence[int]) -> Iterator[str]:
    yield study.title
    rows = [["", *(f"R@{count}" for count in counts), "ms", "kB of a place"]]
    for each in study.points:
        recall = [f"{100 * each.recall[count]:.1f}" for count in counts]
        cost = [f"{1e3 * each.seconds:.2f}", f"{each.place_bytes / 1e3:.1f}"]
        rows.append([", ".join(filter(None, (each.series, each.label))), *recall, *cost])
    yield from aligned(rows)


def _verdicts(verdicts: Verdicts) -> Iterator[str]:
    tally = verdicts.tally
    yield in_words(verdicts)
    ratios = {
        "precision": tally.precision,
        "recall": tally.recall,
        "calibration error": verdicts.outcomes.calibration_error,
    }
    known = ", ".join(f"{name} {each:.3f}" for name, each in ratios.items() if not math.isnan(each))
    yield f"{known}; {tally.ambiguous} ambiguous, {tally.unknown} unknown"
    stages = ", ".join(f"{name} {each.median:.1f}" for name, each in tally.latency_ms.items())
    yield f"milliseconds per frame (median): {stages}"
    yield from _poses(verdicts.poses)


def _poses(poses: PoseErrors) -> Iterator[str]:
    if poses.measured:
        yield f"{poses.measured} of {poses.accepted} accepted have a measured pose"
    if len(poses.normalized):
        meters, radians = poses.percentiles
        pairs = zip(PERCENTS, meters, np.degrees(radians), strict=True)
        errors = [f"{p:g} % {m:.3f} m, {d:.2f}°" for p, m, d in pairs]
        yield f"error of poses at most: {'; '.join(errors)}"
        yield f"poses: {poses_in_words(poses)}"
    for reason, count in poses.reasons.items():
        yield f"without a pose: {count}, {reason.removeprefix('no pose: ')}"
