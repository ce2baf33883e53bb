# SPDX-License-Identifier: Apache-2.0
"""Database images in the order in which they answer each query: by retrieval, then by reranking."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray
from vpr_ros.evaluation.features.feature_list import FeatureList, blocks
from vpr_ros.evaluation.retrieval_set import Indices
from vpr_ros.place_map.feature_cache import FeatureCache
from vpr_ros.place_map.index import open_index
from vpr_ros.rerankers.base import Reranker

Reals = NDArray[np.float64]

_AT_ONCE = 256  # queries whose descriptors are in memory
_CACHE_BYTES = 256 * 2**20  # local features of database images: neighbors ask for the same ones


@dataclass(frozen=True)
class Ranking:
    """The answer to one query, best first; K images."""

    images: Indices  # [K] of the database
    scores: Reals  # [K] similarity, or the rerank score of those that were reranked


@dataclass(frozen=True)
class Retrieved:
    """What the global descriptors say."""

    rankings: tuple[Ranking, ...]  # [Q]; empty for queries that could not be described
    seconds: Reals  # [Q] that searching took


@dataclass(frozen=True)
class Compared:
    """What the local features say of the first C candidates of every query."""

    scores: tuple[Reals, ...]  # [Q] arrays [C]
    seconds: dict[int, Reals]  # number of candidates -> [Q] that loading and comparing them took


def retrieve(
    queries: FeatureList,
    database: FeatureList,
    depth: int,
    hidden: Sequence[Indices] = (),
    step: Callable[[], None] = lambda: None,
) -> Retrieved:
    """The database images with the largest inner products, equal ones by their number.

    The search is exact, and goes through the database in pieces that fit in memory.

    Args:
        queries: Q images.
        database: M images.
        depth: how many to find for each query; fewer where there are fewer.
        hidden: [Q] database images that are no answers; or none at all.
        step: called ``block_count(database)`` times for each query that can be described.
    """
    found = [Ranking(np.zeros(0, np.int64), np.zeros(0)) for _ in range(len(queries))]
    seconds = np.zeros(len(queries))
    for start, descriptors in blocks(database):
        numbers = start + np.flatnonzero(database.usable[start : start + len(descriptors)])
        index = open_index(descriptors.shape[1])
        index.add(descriptors[numbers - start])
        for query, descriptor in _described(queries):
            began = time.monotonic()
            left_out = np.isin(numbers, hidden[query]) if len(hidden) else None
            rows, products = index.search(descriptor, depth, left_out)
            found[query] = _merged(found[query], numbers[rows], products, depth)
            seconds[query] += time.monotonic() - began
            step()
    return Retrieved(tuple(found), seconds)


def compare(
    reranker: Reranker,
    queries: FeatureList,
    database: FeatureList,
    retrieved: Retrieved,
    counts: Sequence[int],
    step: Callable[[], None] = lambda: None,
) -> Compared:
    """The rerank scores of the best candidates of every query: as many as the largest count.

    What one candidate scores does not depend on the others, so that the scores of many hold for
    fewer, too; the time that each number of them takes is measured on the way.

    ``step`` is called for each query that can be described.

    Raises:
        BackendError: the device failed.
    """
    stages = sorted({count for count in counts if count > 0})
    seconds = {count: np.zeros(len(queries)) for count in stages}
    cache = FeatureCache(_CACHE_BYTES)
    scores = [np.zeros(0)] * len(queries)
    for number in np.flatnonzero(queries.usable).tolist():
        query, images = queries.features(number), retrieved.rankings[number].images
        parts, began, done = [], time.monotonic(), 0
        for count in stages:
            wanted = images[done:count].tolist()
            candidates = [cache.fetch(each, database.features) for each in wanted]
            parts += [each.score for each in reranker.compare(query, candidates)]
            seconds[count][number] = time.monotonic() - began
            done = count
        scores[number] = np.array(parts, np.float64)
        step()
    return Compared(tuple(scores), seconds)


def reranked(retrieved: Retrieved, compared: Compared, count: int) -> tuple[Ranking, ...]:
    """The rankings after ``count`` candidates of each were put in the order of their rerank scores.

    Candidates of equal score keep the order of retrieval, and so do images beyond them. A score
    that is no number comes last among the candidates.
    """
    pairs = zip(retrieved.rankings, compared.scores, strict=True)
    return tuple(_reordered(ranking, scores[:count]) for ranking, scores in pairs)


def _reordered(ranking: Ranking, scores: Reals) -> Ranking:
    known = np.where(np.isnan(scores), -np.inf, scores)
    order = np.argsort(-known, kind="stable")
    count = len(order)
    images = np.concatenate([ranking.images[:count][order], ranking.images[count:]])
    beyond = np.full(len(ranking.images) - count, -np.inf)
    return Ranking(images, np.concatenate([known[order], beyond]))


def _merged(best: Ranking, images: Indices, scores: FloatArray, depth: int) -> Ranking:
    images = np.concatenate([best.images, images])
    similarities = np.concatenate([best.scores, scores.astype(float)])
    order = np.lexsort((images, -similarities))[:depth]
    return Ranking(images[order], similarities[order])


def _described(queries: FeatureList) -> Iterator[tuple[int, FloatArray]]:
    """(Number, global descriptor) of the queries that could be described."""
    usable = queries.usable
    for start in range(0, len(queries), _AT_ONCE):
        stop = min(start + _AT_ONCE, len(queries))
        rows = queries.rows(start, stop)
        for number in range(start, stop):
            if usable[number]:
                yield number, rows[number - start]
