# SPDX-License-Identifier: Apache-2.0
"""Mean average precision as revisited Oxford and Paris publish it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.rankings import Rankings, counted_ranking
from vpr_ros.evaluation.retrieval_set import Indices, Relevance

Reals = NDArray[np.float64]


def average_precisions(rankings: Rankings, relevance: Relevance) -> Reals:
    """Area under each query's precision-recall curve, [Q] from 0 to 1; NaN without positives.

    Radenovic et al., Revisiting Oxford and Paris, CVPR 2018, with the trapezoids of the code that
    the authors evaluate with: ignored images are taken out before places are counted.

    Args:
        rankings: of the whole database, best first: positives that are left out count as never
            found.
        relevance: what is right, and what is ignored.

    Raises:
        DatasetError: there are not as many rankings as queries.
    """
    if len(rankings) != len(relevance.positives):
        raise DatasetError(
            f"{len(rankings)} rankings for {len(relevance.positives)} queries: not of one data set"
        )
    found = []
    for query, ranking in enumerate(rankings):
        ignored = relevance.ignored[query] if relevance.ignored else None
        found.append(_average_precision(ranking, relevance.positives[query], ignored))
    return np.array(found, float)


def mean_average_precision(rankings: Rankings, relevance: Relevance) -> float:
    """Mean over the queries that have positives (mAP), from 0 to 1.

    Raises:
        DatasetError: no query has positives, or there are not as many rankings as queries.
    """
    each = average_precisions(rankings, relevance)
    if np.isnan(each).all():
        raise DatasetError("no query has a positive: average precision has no meaning")
    return float(np.nanmean(each))


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
