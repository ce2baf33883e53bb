# SPDX-License-Identifier: Apache-2.0
"""Recall@N and average precision: by hand, and against counting."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrieval_samples import recall_at

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.rankings import (
    MISSED,
    average_precisions,
    counted_ranking,
    first_hits,
)
from vpr_ros.evaluation.retrieval_set import Relevance


def indices(*lists):
    return tuple(np.array(each, np.int64) for each in lists)


def test_recall_by_hand():
    rankings = np.array([[3, 1, 2], [0, 1, 2], [2, 0, 1], [2, 3, 0]])
    relevance = Relevance(indices([3], [2], [9], []))
    assert first_hits(rankings, relevance).tolist() == [0, 2, MISSED, MISSED]
    assert recall_at(rankings, relevance, (1, 2, 3)) == {1: 1 / 3, 2: 1 / 3, 3: 2 / 3}


def test_a_query_without_positives_counts_as_missed_if_the_rule_says_so():
    rankings = np.array([[0], [0]])
    assert recall_at(rankings, Relevance(indices([0], []), counts_unmatched=True), (1,)) == {1: 0.5}


def test_ignored_images_are_neither_right_nor_wrong():
    relevance = Relevance(indices([5]), indices([0, 1]))
    assert first_hits([np.array([0, 1, 5])], relevance).tolist() == [0]


def test_only_the_best_view_of_a_panorama_counts():
    panorama_of = np.array([0, 0, 0, 1, 1])
    assert counted_ranking(np.array([1, 0, 2, 4, 3]), None, panorama_of).tolist() == [1, 4]
    relevance = Relevance(indices([4]))
    assert first_hits([np.array([1, 0, 2, 4])], relevance, panorama_of).tolist() == [1]


def test_what_cannot_be_counted():
    with pytest.raises(DatasetError, match="1 rankings for 2 queries"):
        first_hits([np.array([0])], Relevance(indices([0], [1])))
    with pytest.raises(DatasetError, match="2 rankings for 1 queries"):
        average_precisions([np.array([0])] * 2, Relevance(indices([0])))


@given(st.integers(0, 2**32 - 1))
def test_recall_agrees_with_counting_and_never_falls(seed):
    random = np.random.default_rng(seed)
    rankings = np.array([random.permutation(12) for _ in range(8)])
    positives = [np.flatnonzero(random.random(12) < 0.2) for _ in range(8)]
    relevance = Relevance(tuple(positives), counts_unmatched=True)
    recall = recall_at(rankings, relevance, range(1, 13))
    for count, value in recall.items():
        pairs = zip(rankings, positives, strict=True)
        found = [bool(set(ranking[:count]) & set(right)) for ranking, right in pairs]
        assert value == pytest.approx(np.mean(found))
    assert list(recall.values()) == sorted(recall.values())


def test_the_precision_of_right_ones_first_is_one():
    assert average_precisions([np.array([2, 1, 0])], Relevance(indices([1, 2]))).tolist() == [1.0]


def test_trapezoids_by_hand():
    # Right ones at places 1 and 3 of 0, 1, 2, 3: precision rises from 0 to 1/2, then from 1/3 to
    # 2/4; each adds 1/2 of recall.
    ranking = [np.array([9, 0, 8, 1])]
    expected = 0.5 * (0.0 + 1 / 2) / 2 + 0.5 * (1 / 3 + 2 / 4) / 2
    assert average_precisions(ranking, Relevance(indices([0, 1])))[0] == pytest.approx(expected)


def test_ignored_images_move_the_others_up():
    ranking = [np.array([7, 0, 8, 1])]
    relevance = Relevance(indices([0, 1]), indices([7, 8]))
    assert average_precisions(ranking, relevance)[0] == 1.0


def test_never_found_counts():
    assert average_precisions([np.array([0])], Relevance(indices([0, 5])))[0] == 0.5


def test_queries_without_right_images_have_no_precision():
    rankings = [np.array([0, 1]), np.array([0, 1])]
    first, second = average_precisions(rankings, Relevance(indices([0], [])))
    assert first == 1.0
    assert math.isnan(second)
