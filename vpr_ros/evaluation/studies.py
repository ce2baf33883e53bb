# SPDX-License-Identifier: Apache-2.0
"""Studies: what happens to recall and cost when one setting changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vpr_ros.evaluation.features.feature_list import FilteredFeatures
from vpr_ros.evaluation.ranking import Retrieved
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
    """One study of one pipeline on one data set.

    Args:
        name: one of ``STUDIES``.
        task: the data set, which must come with its truth.
        base: the pipeline whose setting is changed.
        counts: the N of recall@N.

    Raises:
        VprError: as ``run_all`` does.
    """
    return STUDIES[name](task, base, counts)


def _candidates(task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """Recall against the number of candidates that are reranked."""
    size = len(task.data.database.names)
    wanted = sorted({min(count, size) for count in CANDIDATES})
    with described(task, base.config) as opened:
        retrieved = search(task, opened, max(wanted))
        points = list(_over_candidates(task, base, counts, opened, retrieved, wanted))
    title = "Recall against the number of candidates"
    return Study("candidates", title, "candidates", points)


def _efficiency(task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """Recall against time, for several numbers of candidates and of local features."""
    size = len(task.data.database.names)
    wanted = sorted({min(count, size) for count in EFFICIENT_CANDIDATES})
    # R2Former's exported reranker takes as many local features as it was exported with.
    fixed = base.config.method.startswith("r2former")
    points = []
    with described(task, base.config) as opened:
        retrieved = search(task, opened, max(wanted))
        for part in (1.0,) if fixed else EFFICIENT_PARTS:
            shown = opened if part == 1.0 else _filtered(opened, part, base.config.codec)
            series = f"{100 * part:g} % of the local features"
            found = _over_candidates(task, base, counts, shown, retrieved, wanted)
            points += [replace(each, series=series, x=1e3 * each.seconds) for each in found]
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
    opened: Described,
    retrieved: Retrieved,
    wanted: Sequence[int],
) -> Iterator[StudyPoint]:
    compared = rerank(task, opened, retrieved, wanted)
    for count in wanted:
        run = assembled(opened, base, retrieved, compared, count)
        words = f"{count} candidate" + "s" * (count > 1)
        yield _point(score(task.data, run, counts), words, count)


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
