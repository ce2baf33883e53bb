# SPDX-License-Identifier: Apache-2.0
"""Scores of rankings made by hand: rules, conditions, what is left out, and what becomes of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from vpr_ros.evaluation.outcomes import MISSED, REFUSED, RIGHT, WRONG
from vpr_ros.evaluation.ranking import Ranking
from vpr_ros.evaluation.retrieval_set import Relevance, RetrievalSet
from vpr_ros.evaluation.scores import RERANKED, RETRIEVAL, score


def rankings(*rows):
    scores = [1.0 - 0.1 * np.arange(len(images)) for images in rows]
    return tuple(Ranking(np.array(i, np.int64), s) for i, s in zip(rows, scores, strict=True))


def run(before, after=None, broken_database=(), broken_queries=()):
    count = len(before)
    return SimpleNamespace(
        before=before,
        after=after or before,
        seconds={"extract": np.full(count, 0.02), "rerank": np.full(count, 0.01)},
        broken_database=np.array(broken_database, np.int64),
        broken_queries=np.array(broken_queries, np.int64),
    )


def data_set(positives, ignored=(), database=6, **others):
    as_indices = [np.array(each, np.int64) for each in positives]
    relevance = Relevance(tuple(as_indices), tuple(np.array(i, np.int64) for i in ignored))
    sources = [
        SimpleNamespace(names=[str(i) for i in range(n)]) for n in (database, len(positives))
    ]
    return RetrievalSet("by hand", *sources, {"rule": relevance}, **others)


FOUR = rankings([0, 1, 2], [3, 1, 2], [5, 4, 0], [2, 1, 0])


def test_recall_before_and_after():
    after = rankings([0, 1, 2], [1, 3, 2], [5, 4, 0], [2, 1, 0])
    result = score(data_set([[0], [1], [0], []]), run(FOUR, after), (1, 2, 3))
    before = {n: each.mean for n, each in result.score(RETRIEVAL).recall.items()}
    assert before == pytest.approx({1: 1 / 3, 2: 2 / 3, 3: 1.0})
    assert result.score(RERANKED).recall[1].mean == pytest.approx(2 / 3)
    assert result.score(RERANKED).queries == 3  # the fourth has no positive
    assert result.latency["total"][50.0] == pytest.approx(0.03)


def test_ignored_images_are_taken_out():
    ignored = [[], [3], [5, 4], []]
    result = score(data_set([[0], [1], [0], []], ignored), run(FOUR), (1,))
    assert result.score(RETRIEVAL).recall[1].mean == 1.0
    assert result.best(RETRIEVAL).outcomes.best.tolist() == [0, 1, 0, 2]
    assert result.best(RETRIEVAL).outcomes.probability.tolist() == pytest.approx(
        [1.0, 0.9, 0.8, 1.0]
    )


def test_conditions_are_scored_apart():
    conditions = {"night": np.array([1, 2, 3]), "fog": np.array([3])}
    data = data_set([[0], [3], [0], []], conditions=conditions)
    result = score(data, run(FOUR), (1,))
    assert result.score(RETRIEVAL, condition="night").recall[1].mean == 0.5
    assert result.score(RETRIEVAL, condition="night").queries == 2
    assert {each.condition for each in result.scores} == {"all", "night"}  # no query of fog counts


def test_what_cannot_be_read_is_left_out():
    data = data_set([[0, 3], [1], [0], [2]])
    result = score(data, run(FOUR, broken_database=(0,), broken_queries=(3,)), (1,))
    assert result.left_out == 2  # query 2, all of whose positives are broken, and query 3
    assert result.score(RETRIEVAL).queries == 2


def test_average_precision_needs_whole_rankings():
    data = data_set([[0], [1]], database=3)
    whole = rankings([0, 1, 2], [2, 1, 0])
    assert score(data, run(whole), (1,)).score(RETRIEVAL).mean_average_precision == 0.625
    short = rankings([0, 1], [2, 1])
    assert score(data, run(short), (1,)).score(RETRIEVAL).mean_average_precision is None


def test_outcomes_at_a_precision():
    """The surest two are right, then one is wrong: it and what is less sure are not accepted."""
    rows = [[0], [1], [5], [3], [4]]
    scores = (0.9, 0.8, 0.7, 0.6, 0.5)
    made = tuple(
        Ranking(np.array(images), np.array([score]))
        for images, score in zip(rows, scores, strict=True)
    )
    result = score(data_set([[0], [1], [2], [3], []]), run(made), (1,))
    outcomes = result.best(RERANKED).outcomes
    assert outcomes.words == (RIGHT, RIGHT, MISSED, MISSED, REFUSED)
    assert "0.8, at which 100 % are right" in outcomes.rule
    assert outcomes.at_precision(0.6).words == (
        RIGHT,
        RIGHT,
        WRONG,
        RIGHT,
        WRONG,
    )
