# SPDX-License-Identifier: Apache-2.0
"""Studies: what happens to recall and cost when one setting changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vpr_ros.evaluation.features.feature_list import FilteredFeatures
from vpr_ros.evaluation.runner import (
    Described,
    Task,
    Variant,
    assembled,
    described,
    rerank,
    search,
)
from vpr_ros.evaluation.scores import RERANKED, Result, score

CANDIDATES = (20, 40, 60, 80, 100, 120, 140, 160, 180, 200)
EFFICIENT_CANDIDATES = (1, 5, 10, 25, 50, 100)
EFFICIENT_PARTS = (1.0, 0.5, 0.25)  # of the local features


@dataclass(frozen=True)
class StudyPoint:
    """One value of what a study changes."""

    series: str  # points of one series are joined; empty if there is only one
    label: str  # the value in words
    x: float  # the value as a number
    recall: Mapping[int, float]  # N -> part of the queries, after reranking
    seconds: float  # median of a query
    place_bytes: float  # of memory for each database image


@dataclass(frozen=True)
class Study:
    """How recall and cost depend on one setting."""

    name: str
    title: str
    axis: str  # what x is
    points: Sequence[StudyPoint]


def run_study(name: str, task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """One of ``STUDIES`` of a pipeline, on a data set with its truth; ``counts`` are the N.

    Raises:
        VprError: as ``run_all`` does.
    """
    return STUDIES[name](task, base, counts)


def _candidates(task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """Recall against the number of candidates that are reranked."""
    points = [point for _, point in _over_candidates(task, base, counts, CANDIDATES, (1.0,))]
    title = "Recall against the number of candidates"
    return Study("candidates", title, "candidates", points)


def _efficiency(task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """Recall against time, for several numbers of candidates and of local features."""
    # R2Former's exported reranker takes as many local features as it was exported with.
    parts = (1.0,) if base.config.method.startswith("r2former") else EFFICIENT_PARTS
    points = [
        replace(point, series=f"{100 * part:g} % of the local features", x=1e3 * point.seconds)
        for part, point in _over_candidates(task, base, counts, EFFICIENT_CANDIDATES, parts)
    ]
    title = "Efficiency: recall against the time of a query"
    return Study("efficiency", title, "milliseconds of a query, median", points)


STUDIES: dict[str, Callable[[Task, Variant, Sequence[int]], Study]] = {
    "candidates": _candidates,
    "efficiency": _efficiency,
}


def _over_candidates(
    task: Task,
    base: Variant,
    counts: Sequence[int],
    candidates: Sequence[int],
    parts: Sequence[float],
) -> Iterator[tuple[float, StudyPoint]]:
    """(Part, point) for each part of the local features and each number of candidates."""
    wanted = sorted({min(count, len(task.data.database.names)) for count in candidates})
    with described(task, base.config) as opened:
        retrieved = search(task, opened, max(wanted))
        for part in parts:
            shown = opened if part == 1.0 else _filtered(opened, part, base.config.codec)
            compared = rerank(task, shown, retrieved, wanted)
            for count in wanted:
                run = assembled(shown, base, retrieved, compared, count)
                words = f"{count} candidate" + "s" * (count > 1)
                yield part, _point(score(task.data, run, counts), words, count)


def _filtered(opened: Described, part: float, codec: str) -> Described:
    """The same images with a part of their local features."""
    database = queries = FilteredFeatures(opened.database, part, codec)
    if opened.queries is not opened.database:
        queries = FilteredFeatures(opened.queries, part, codec)
    return replace(opened, database=database, queries=queries)


def _point(result: Result, label: str, x: float) -> StudyPoint:
    recall = {n: each.mean for n, each in result.score(RERANKED).recall.items()}
    seconds = result.latency["total"][50.0]
    return StudyPoint("", label, float(x), recall, seconds, result.run.place_bytes)
