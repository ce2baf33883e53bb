# SPDX-License-Identifier: Apache-2.0
"""Tables of the page: recall of all variants, times, verdicts, and studies."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vpr_ros.evaluation.metrics import Interval
from vpr_ros.evaluation.report.markup import element, text
from vpr_ros.evaluation.scores import EVERYTHING, RERANKED, RETRIEVAL, Result, Score

_STAGES = {RETRIEVAL: "retrieval", RERANKED: "reranked"}


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    own: Sequence[int] = (),
    words: Sequence[int] = (),
) -> str:
    """A table that scrolls on narrow screens; cells are markup, heads are text.

    Args:
        head: of the columns.
        rows: of the body.
        own: rows to stand out.
        words: columns of sentences.
    """
    kinds = ["words" if column in words else None for column in range(len(head))]
    cells = [
        element("th", text(each), scope="col", class_=kind)
        for each, kind in zip(head, kinds, strict=True)
    ]
    body = [
        element("tr", *_cells(row, kinds), class_="own" if number in own else None)
        for number, row in enumerate(rows)
    ]
    parts = element("thead", element("tr", *cells)), element("tbody", *body)
    return element("div", element("table", *parts), class_="scroll", tabindex=0)


def recall_table(results: Sequence[Result], counts: Sequence[int]) -> str:
    """Recall of all variants, stages, rules and conditions."""
    rows = [
        _recall_row(result, score, results, counts)
        for result in results
        for score in sorted(result.scores, key=lambda each: each.condition != EVERYTHING)
    ]
    head = ["", "queries", *(f"R@{count}" for count in counts)]
    if any(each.mean_average_precision is not None for r in results for each in r.scores):
        head.append("mAP")
    return table(head, [row[: len(head)] for row in rows])


def precision_table(results: Sequence[Result]) -> str:
    """What accepting only sure answers gives."""
    rows = []
    for result in results:
        for best in result.matches:
            curve = best.outcomes.curve
            if curve is None:
                continue
            values = (
                curve.area,
                curve.recall_at_precision(1.0),
                curve.recall_at_precision(0.99),
                curve.extended_precision,
            )
            name = _name(result, results, _STAGES[best.stage], best.rule, "")
            rows.append([name, *(f"{each:.3f}" for each in values)])
    head = ["", "average precision", "recall at 100 %", "recall at 99 %", "extended precision"]
    return table(head, rows)


def latency_table(results: Sequence[Result]) -> str:
    """Milliseconds of every stage."""
    rows = []
    for result in results:
        for stage, percentiles in result.latency.items():
            name = _name(result, results, stage, "", "")
            rows.append([name, *(f"{1e3 * each:.2f}" for each in percentiles.values())])
    percents = next(iter(results[0].latency.values()))
    return table(["milliseconds", *(f"{percent:g} %" for percent in percents)], rows)


def share(interval: Interval) -> str:
    """A part of the queries in percent, with its interval if there is one."""
    mean = f"{100 * interval.mean:.1f} %"
    if math.isnan(interval.low):
        return mean
    return mean + element("small", f"{100 * interval.low:.1f} to {100 * interval.high:.1f}")


def _recall_row(
    result: Result, score: Score, results: Sequence[Result], counts: Sequence[int]
) -> list[str]:
    condition = "" if score.condition == EVERYTHING else score.condition
    name = _name(result, results, _STAGES[score.stage], score.rule, condition)
    mean = score.mean_average_precision
    row = [name, str(score.queries), *(share(score.recall[count]) for count in counts)]
    return [*row, "" if mean is None else f"{mean:.3f}"]


def _name(result: Result, results: Sequence[Result], stage: str, rule: str, other: str) -> str:
    """What a row is about: only what tells it from the others."""
    rules = {each.rule for each in result.scores}
    variant = result.run.variant.name if len(results) > 1 else ""
    parts = [variant, other, stage, rule if len(rules) > 1 else ""]
    return text(", ".join(filter(None, parts)))


def _cells(row: Sequence[str], kinds: Sequence[str | None]) -> list[str]:
    pairs = zip(row, kinds, strict=True)
    return [element("td", markup, class_=kind) for markup, kind in pairs]
