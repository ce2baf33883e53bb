# SPDX-License-Identifier: Apache-2.0
"""Rankings agree with brute force, whatever the pieces; reranking moves only candidates."""

from types import SimpleNamespace

import numpy as np
import pytest

from vpr_ros.datatypes import Comparison, Features, LocalFeatures
from vpr_ros.evaluation.features import feature_list
from vpr_ros.evaluation.features.feature_list import block_count
from vpr_ros.evaluation.ranking import compare, reranked, retrieve


class InMemory:
    """A FeatureList of given descriptors."""

    place_bytes = 0.0

    def __init__(self, descriptors, broken=()):
        self.descriptors = np.asarray(descriptors, np.float32)
        self.usable = ~np.isin(np.arange(len(self.descriptors)), broken)
        self.seconds = np.zeros(len(self.descriptors))

    def __len__(self):
        return len(self.descriptors)

    def rows(self, start, stop):
        return self.descriptors[start:stop]

    def features(self, number):
        empty = np.zeros((0, 2), np.float32)
        local = LocalFeatures(empty, empty[:, 0], empty, (1, 1))
        return Features(self.descriptors[number], local)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def random_rows(count, seed, dim=16):
    return unit(np.random.default_rng(seed).standard_normal((count, dim))).astype(np.float32)


def brute_force(queries, database, depth, hidden=None, broken=()):
    """[Q] orders by the largest inner product, in double precision, equal ones by their number."""
    products = queries.astype(np.float64) @ database.astype(np.float64).T
    found = []
    for query, row in enumerate(products):
        banned = set(broken) | set(hidden[query].tolist() if hidden else ())
        order = np.lexsort((np.arange(len(row)), -row))
        found.append([each for each in order.tolist() if each not in banned][:depth])
    return found


@pytest.mark.parametrize("block_bytes", [1, 64 * 7, 64 * 50, 2**26])
def test_retrieval_is_brute_force(monkeypatch, block_bytes):
    monkeypatch.setattr(feature_list, "_BLOCK_BYTES", block_bytes)
    queries, database = random_rows(40, 1), random_rows(150, 2)
    database[70:80] = database[10:20]  # places driven twice, to the last bit
    random = np.random.default_rng(3)
    hidden = [np.sort(random.choice(150, 9, replace=False)) for _ in queries]
    steps = []
    found = retrieve(
        InMemory(queries), InMemory(database, broken=(5, 77)), 12, hidden, lambda: steps.append(1)
    )
    images = [each.images.tolist() for each in found.rankings]
    assert images == brute_force(queries, database, 12, hidden, (5, 77))
    assert len(steps) == 40 * block_count(InMemory(database))
    scores = np.array([each.scores for each in found.rankings])
    assert (np.diff(scores, axis=1) <= 0.0).all()


def test_more_are_asked_for_than_there_are():
    found = retrieve(InMemory(random_rows(2, 1)), InMemory(random_rows(3, 2)), 100)
    assert [len(each.images) for each in found.rankings] == [3, 3]


def test_broken_queries_have_no_ranking():
    found = retrieve(InMemory(random_rows(3, 1), broken=(1,)), InMemory(random_rows(9, 2)), 4)
    assert [len(each.images) for each in found.rankings] == [4, 0, 4]


def by_first_value(query, candidates):
    scores = [float(each.global_descriptor[0]) for each in candidates]
    return [Comparison(score, -1) for score in scores]


def test_reranking_sorts_the_candidates_and_leaves_the_rest():
    queries, database = InMemory(random_rows(5, 1)), InMemory(random_rows(60, 2))
    found = retrieve(queries, database, 30)
    reranker = SimpleNamespace(compare=by_first_value)
    compared = compare(reranker, queries, database, found, (10, 20))
    for count in (10, 20):
        for before, after in zip(found.rankings, reranked(found, compared, count), strict=True):
            scores = database.descriptors[before.images[:count], 0]
            order = np.argsort(-scores, kind="stable")
            assert after.images[:count].tolist() == before.images[:count][order].tolist()
            assert after.images[count:].tolist() == before.images[count:].tolist()
    assert (compared.seconds[10] <= compared.seconds[20]).all()


def test_ties_keep_the_order_and_nan_comes_last():
    queries, database = InMemory(random_rows(1, 1)), InMemory(random_rows(4, 2))
    found = retrieve(queries, database, 4)
    scores = [Comparison(value, -1) for value in (np.nan, 1.0, 2.0, 1.0)]
    reranker = SimpleNamespace(compare=lambda query, candidates: scores)
    (after,) = reranked(found, compare(reranker, queries, database, found, (4,)), 4)
    assert after.images.tolist() == found.rankings[0].images[[2, 1, 3, 0]].tolist()
