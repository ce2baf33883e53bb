# SPDX-License-Identifier: Apache-2.0
"""Recall@N and average precision: how early right answers come in rankings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.retrieval_set import Indices, Relevance

MISSED = -1

Rankings = Sequence[Indices]  # [Q] of [K] database indices, best first; or one array [Q, K]


def counted_ranking(
    ranking: Indices, ignored: Indices | None = None, panorama_of: Indices | None = None
) -> Indices:
    """What of one query's ranking, [K] best first, counts: what follows ignored images moves up.

    Of the images cut from one panorama, [D] of the database, only the best counts (Torii et al.,
    24/7 Place Recognition by View Synthesis, CVPR 2015).
    """
    ranked = np.asarray(ranking, np.int64)
    if ignored is not None and len(ignored):
        ranked = ranked[~np.isin(ranked, ignored)]
    if panorama_of is not None and len(ranked):
        _, firsts = np.unique(panorama_of[ranked], return_index=True)
        ranked = ranked[np.sort(firsts)]
    return ranked


def first_hits(
    rankings: Rankings, relevance: Relevance, panorama_of: Indices | None = None
) -> Indices:
    """Place of the first right answer in each ranking, [Q] from 0; MISSED where there is none.

    Rankings may end early, and then miss what would have followed.

    Raises:
        DatasetError: there are not as many rankings as queries.
    """
    _check_lengths(rankings, relevance)
    hits = np.full(len(rankings), MISSED, np.int64)
    for query, ranking in enumerate(rankings):
        ignored = relevance.ignored[query] if relevance.ignored else None
        counted = counted_ranking(ranking, ignored, panorama_of)
        right = np.flatnonzero(np.isin(counted, relevance.positives[query]))
        if len(right):
            hits[query] = right[0]
    return hits


def counted_queries(relevance: Relevance) -> NDArray[np.bool_]:
    """Which queries a rule counts, [Q]: all, or those that have a positive."""
    if relevance.counts_unmatched:
        return np.ones(len(relevance.positives), bool)
    return np.array([len(each) > 0 for each in relevance.positives], bool)


def hits_within(hits: Indices, count: int) -> NDArray[np.bool_]:
    """Whether a right answer is among the first ``count``, [Q], given ``first_hits``."""
    return np.asarray((hits != MISSED) & (hits < count), bool)


def average_precisions(rankings: Rankings, relevance: Relevance) -> NDArray[np.float64]:
    """Area under each query's precision-recall curve, [Q] from 0 to 1; NaN without positives.

    Radenovic et al., Revisiting Oxford and Paris, CVPR 2018, with the trapezoids of the code that
    the authors evaluate with: ignored images are taken out before places are counted. Rankings are
    of the whole database: positives that are left out count as never found.

    Raises:
        DatasetError: there are not as many rankings as queries.
    """
    _check_lengths(rankings, relevance)
    found = []
    for query, ranking in enumerate(rankings):
        ignored = relevance.ignored[query] if relevance.ignored else None
        found.append(_average_precision(ranking, relevance.positives[query], ignored))
    return np.array(found, float)


def _average_precision(ranking: Indices, positives: Indices, ignored: Indices | None) -> float:
    if not len(positives):
        return math.nan
    counted = counted_ranking(ranking, ignored)
    places = np.flatnonzero(np.isin(counted, positives)).astype(float)
    before = np.arange(len(places), dtype=float)  # right ones above each right one
    # Precision just above a right answer, 1 at the top of the ranking, and with that answer.
    above = np.divide(before, places, out=np.ones_like(places), where=places > 0.0)
    including = (before + 1.0) / (places + 1.0)
    return float(np.sum(above + including) / 2.0 / len(positives))


def _check_lengths(rankings: Rankings, relevance: Relevance) -> None:
    if len(rankings) != len(relevance.positives):
        raise DatasetError(
            f"{len(rankings)} rankings for {len(relevance.positives)} queries: not of one data set"
        )
