# SPDX-License-Identifier: Apache-2.0
"""The studies of the papers: what happens to recall and cost when one setting changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from vpr_ros.config import with_settings
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.features.filtered import FilteredFeatures, Keep, above, strongest
from vpr_ros.evaluation.ranking import Retrieved
from vpr_ros.evaluation.runner import (
    Described,
    Run,
    Task,
    Variant,
    assembled,
    described,
    rerank,
    run_all,
    search,
)
from vpr_ros.evaluation.scoring import RERANKED, Result, judge
from vpr_ros.evaluation.study import Study, StudyPoint

CANDIDATES = (20, 40, 60, 80, 100, 120, 140, 160, 180, 200)
TAUS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1)  # 0.02 and 0.005 are published
_OF_TRANSVPR = ("tau", "masks", "levels")
_TAU_TITLE = "Recall against the threshold for key patches"
MASKS = ("low", "mid", "high")
LEVELS = (0, 1, 2, 3, 4, 5, 6)  # 0: the patches of the CNN
EFFICIENT_CANDIDATES = (1, 5, 10, 25, 50, 100)
EFFICIENT_PARTS = (1.0, 0.5, 0.25)  # of the local features


def run_study(name: str, task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """One study of one pipeline on one data set.

    Args:
        name: one of ``STUDIES``.
        task: the data set, which must come with its truth.
        base: the pipeline whose setting is changed.
        counts: the N of recall@N.

    Raises:
        ConfigError: the pipeline has no such setting.
        VprError: as ``run_all`` does.
    """
    check_study(name, base)
    return STUDIES[name](task, base, counts)


def check_study(name: str, base: Variant) -> None:
    """Raise ConfigError if a pipeline has nothing that a study could change."""
    if name in _OF_TRANSVPR and not base.config.method.startswith("transvpr"):
        raise ConfigError(
            f"--study {name} is about TransVPR's local features: the method is "
            f"{base.config.method}; say --method transvpr --weights FILE"
        )


def _candidates(task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """Recall against the number of candidates that are reranked."""
    size = len(task.data.database.names)
    wanted = sorted({min(count, size) for count in CANDIDATES})
    with described(task, base.config) as opened:
        retrieved = search(task, opened, max(wanted))
        points = list(_over_candidates(task, base, counts, opened, retrieved, wanted))
    title = "Recall against the number of candidates"
    return Study("candidates", title, "candidates", points)


def _tau(task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """Recall against the attention from which a patch is a key patch.

    Images are described once, with all of their patches; thresholds are applied to what is kept.
    """
    if base.config.homography.rule == "reference":  # it applies the threshold itself
        settings = {f"{tau:g}": {"transvpr.min_score": tau} for tau in TAUS}
        found = _of_settings("tau", _TAU_TITLE, "tau", (task, base, counts), settings)
        points = [replace(each, x=tau) for each, tau in zip(found.points, TAUS, strict=True)]
        return replace(found, points=points)
    config = with_settings(base.config, {"transvpr.min_score": min(TAUS)})
    count = base.config.decision.candidates
    points = []
    with described(task, config) as opened:
        retrieved = search(task, opened, count)
        for tau in TAUS:
            setting = with_settings(base.config, {"transvpr.min_score": tau})
            shown = _filtered(opened, above(tau), replace(base, config=setting))
            run = _run(task, base, shown, retrieved, count)
            points.append(_point(judge(task.data, run, counts), f"{tau:g}", tau))
    return Study("tau", _TAU_TITLE, "tau", points)


def _masks(task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """Recall with each combination of TransVPR's attention masks."""
    chosen = [each for size in (1, 2, 3) for each in combinations(MASKS, size)]
    settings: dict[str, Mapping[str, Any]] = {
        " + ".join(masks): {f"transvpr.mask_{each}": each in masks for each in MASKS}
        for masks in chosen
    }
    return _of_settings(
        "masks", "Recall with each combination of masks", "", (task, base, counts), settings
    )


def _levels(task: Task, base: Variant, counts: Sequence[int]) -> Study:
    """Recall with the patches of each of TransVPR's transformer blocks."""
    settings: dict[str, Mapping[str, Any]] = {
        str(level): {"transvpr.patch_level": level} for level in LEVELS
    }
    title = "Recall with the patches of each transformer block"
    return _of_settings("levels", title, "transformer block", (task, base, counts), settings)


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
            shown = opened if part == 1.0 else _filtered(opened, strongest(part), base)
            series = f"{100 * part:g} % of the local features"
            found = _over_candidates(task, base, counts, shown, retrieved, wanted)
            points += [replace(each, series=series, x=1e3 * each.seconds) for each in found]
    title = "Efficiency: recall against the time of a query"
    return Study("efficiency", title, "milliseconds of a query, median", points)


STUDIES: dict[str, Callable[[Task, Variant, Sequence[int]], Study]] = {
    "candidates": _candidates,
    "tau": _tau,
    "masks": _masks,
    "levels": _levels,
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
        yield _point(judge(task.data, run, counts), words, count)


def _of_settings(
    name: str,
    title: str,
    axis: str,
    given: tuple[Task, Variant, Sequence[int]],
    settings: Mapping[str, Mapping[str, Any]],
) -> Study:
    """A study that describes the images anew for each value."""
    task, base, counts = given
    points = []
    for x, (label, values) in enumerate(settings.items()):
        variant = Variant(label, with_settings(base.config, values))
        (run,) = run_all(task, [variant])
        points.append(_point(judge(task.data, run, counts), label, x))
    return Study(name, title, axis, points)


def _run(task: Task, base: Variant, opened: Described, retrieved: Retrieved, count: int) -> Run:
    compared = rerank(task, opened, retrieved, [count])
    return assembled(opened, base, retrieved, compared, count)


def _filtered(opened: Described, keep: Keep, base: Variant) -> Described:
    """The same images with fewer local features, compared as the configuration says."""
    codec = base.config.codec
    database = FilteredFeatures(opened.database, keep, codec)
    queries = database
    if opened.queries is not opened.database:
        queries = FilteredFeatures(opened.queries, keep, codec)
    return replace(opened, database=database, queries=queries)


def _point(result: Result, label: str, x: float) -> StudyPoint:
    recall = {n: each.mean for n, each in result.score(RERANKED).recall.items()}
    seconds = result.latency["total"][50.0]
    return StudyPoint("", label, float(x), recall, seconds, result.run.place_bytes)
