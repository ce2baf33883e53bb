# SPDX-License-Identifier: Apache-2.0
"""Runs variants of the pipeline on one data set, from images to rankings and the time they took."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.datatypes import ModelSpec
from vpr_ros.drives.flaws import OnError, log_error
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.features.feature_list import FeatureList, MapFeatures, block_count
from vpr_ros.evaluation.features.feature_store import FeatureStore, path_of
from vpr_ros.evaluation.ranking import (
    Compared,
    Ranking,
    Reals,
    Retrieved,
    compare,
    reranked,
    retrieve,
)
from vpr_ros.evaluation.retrieval_set import ImageSource, Indices, RetrievalSet
from vpr_ros.pipeline import Pipeline, build

Progress = Callable[[int, str, int], AbstractContextManager[Callable[[], None]]]
"""Called with (steps in all, what is done, steps done before); gives what to call after a step."""


@contextmanager
def silent(total: int, label: str, done: int = 0) -> Iterator[Callable[[], None]]:
    """Progress that nobody watches."""
    yield lambda: None


@dataclass(frozen=True)
class Variant:
    """One of the pipelines that are held side by side."""

    name: str
    config: PipelineConfig


@dataclass(frozen=True)
class Task:
    """What all variants are run on, and how."""

    data: RetrievalSet
    cache: Path
    depth: int = 100  # database images that a ranking holds; 0: all of them
    map_path: Path | None = None  # a map that takes the place of the database's images
    progress: Progress = silent
    on_error: OnError = log_error  # told of images that cannot be described


@dataclass(frozen=True)
class Run:
    """What one variant made of a data set; Q is the number of queries."""

    variant: Variant
    description: str  # of the pipeline, for people
    spec: ModelSpec
    before: tuple[Ranking, ...]  # [Q] by the global descriptors
    after: tuple[Ranking, ...]  # [Q] with the candidates reranked
    seconds: Mapping[str, Reals]  # stage -> [Q]
    place_bytes: float  # of memory for each database image
    broken_database: Indices  # images that could not be described
    broken_queries: Indices


@dataclass(frozen=True)
class Described:
    """The features of both lists of images, while their files are open."""

    pipeline: Pipeline
    database: FeatureList
    queries: FeatureList


def run_all(task: Task, variants: Sequence[Variant]) -> list[Run]:
    """Run every variant.

    Those that differ only in the number of candidates are run together.

    Raises:
        VprError: a pipeline cannot be built, or the data set cannot be read.
    """
    groups: dict[PipelineConfig, list[Variant]] = {}
    for variant in variants:
        key = with_settings(variant.config, {"decision.candidates": 1})
        groups.setdefault(key, []).append(variant)
    runs = {run.variant.name: run for group in groups.values() for run in _run_group(task, group)}
    return [runs[variant.name] for variant in variants]


@contextmanager
def described(task: Task, config: PipelineConfig) -> Iterator[Described]:
    """Describe all images of a data set that are not in the cache yet, and open their features.

    Raises:
        VprError: the pipeline cannot be built, or no image can be used.
    """
    pipeline = build(config)
    with ExitStack() as stack:
        database: FeatureList
        if task.map_path is not None:
            place_map = stack.enter_context(pipeline.open_map(task.map_path))
            database = MapFeatures(place_map)
        else:
            database = _filled(task, pipeline, task.data.database, "database", stack)
        queries = database
        if task.map_path is not None or not _same_images(task, pipeline):
            queries = _filled(task, pipeline, task.data.queries, "queries", stack)
        yield Described(pipeline, database, queries)


def search(task: Task, opened: Described, depth: int = 0) -> Retrieved:
    """Retrieve what the task asks for, or more."""
    total = len(opened.database)
    wanted = max(task.depth or total, depth)
    steps = int(opened.queries.usable.sum()) * block_count(opened.database)
    with task.progress(steps, "searching", 0) as step:
        hidden = hidden_by_all(task.data)
        return retrieve(opened.queries, opened.database, min(wanted, total), hidden, step)


def rerank(task: Task, opened: Described, retrieved: Retrieved, counts: Sequence[int]) -> Compared:
    """Compare the candidates of every query, for several numbers of candidates."""
    usable = int(opened.queries.usable.sum())
    with task.progress(usable, "comparing", 0) as step:
        reranker = opened.pipeline.reranker
        return compare(reranker, opened.queries, opened.database, retrieved, counts, step)


def hidden_by_all(data: RetrievalSet) -> list[Indices]:
    """[Q] database images that no rule takes for an answer: they must not be candidates.

    A query that stands in the database itself hides, with its neighbors in time, whatever else
    shows its place. Images that only some rules ignore are left to the scores.
    """
    rules = [rule.ignored for rule in data.relevance.values()]
    if not rules or not all(rules):
        return []
    return [functools.reduce(np.intersect1d, parts) for parts in zip(*rules, strict=True)]


def _run_group(task: Task, variants: Sequence[Variant]) -> Iterator[Run]:
    counts = [variant.config.decision.candidates for variant in variants]
    with described(task, variants[0].config) as opened:
        retrieved = search(task, opened, max(counts))
        compared = rerank(task, opened, retrieved, counts)
        for variant, count in zip(variants, counts, strict=True):
            yield assembled(opened, variant, retrieved, compared, count)


def assembled(
    opened: Described, variant: Variant, retrieved: Retrieved, compared: Compared, count: int
) -> Run:
    """What a variant with so many candidates made of the data set."""
    return Run(
        variant,
        opened.pipeline.description,
        opened.pipeline.extractor.spec,
        before=retrieved.rankings,
        after=reranked(retrieved, compared, count),
        seconds={
            "extract": opened.queries.seconds,
            "retrieve": retrieved.seconds,
            "rerank": compared.seconds[count],
        },
        place_bytes=opened.database.place_bytes,
        broken_database=np.flatnonzero(~opened.database.usable),
        broken_queries=np.flatnonzero(~opened.queries.usable),
    )


def _same_images(task: Task, pipeline: Pipeline) -> bool:
    sources = task.data.database, task.data.queries
    if list(sources[0].names) != list(sources[1].names):
        return False
    codec = pipeline.config.codec
    return len({path_of(task.cache, each, pipeline.extractor, codec) for each in sources}) == 1


def _filled(
    task: Task, pipeline: Pipeline, source: ImageSource, label: str, stack: ExitStack
) -> FeatureStore:
    """The features of one list of images, complete."""
    opened = FeatureStore(task.cache, source, pipeline.extractor, pipeline.config.codec)
    store = stack.enter_context(opened)
    with task.progress(len(store), f"describing {label}", store.resumed) as step:
        store.fill(step, task.on_error)
    if not store.usable.any():
        raise DatasetError(f"{task.data.name}: none of {len(store)} {label} images can be used")
    return store
