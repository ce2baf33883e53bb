# SPDX-License-Identifier: Apache-2.0
"""Intervals of means: what they are for known spreads, and that sequences are kept together."""

import numpy as np
import pytest
from retrieval_samples import recall_at

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.bootstrap import bootstrap_mean
from vpr_ros.evaluation.metrics.rankings import counted_queries, first_hits, hits_within
from vpr_ros.evaluation.retrieval_set import Relevance


def test_agrees_with_the_standard_error():
    random = np.random.default_rng(1)
    values = random.random(2000) < 0.7
    interval = bootstrap_mean(values)
    error = 1.96 * np.sqrt(0.7 * 0.3 / 2000)
    assert interval.mean == values.mean()
    assert interval.high - interval.low == pytest.approx(2 * error, rel=0.1)
    assert interval.low < interval.mean < interval.high


def test_copies_in_a_sequence_tell_nothing_new():
    values = np.random.default_rng(2).random(50)
    alone = bootstrap_mean(values)
    copied = bootstrap_mean(np.repeat(values, 20), np.repeat(np.arange(50), 20))
    assert copied == pytest.approx(alone)
    assert bootstrap_mean(np.repeat(values, 20)).high < copied.high


def test_sequences_of_unequal_length_weigh_by_it():
    values, sequences = np.array([1.0] * 9 + [0.0]), np.array([4] * 9 + [7])
    interval = bootstrap_mean(values, sequences)
    assert interval == (0.9, 0.0, 1.0)


def test_same_values_same_interval():
    values = np.random.default_rng(3).random(30)
    assert bootstrap_mean(values) == bootstrap_mean(values)


def test_recall_with_its_interval():
    rankings = np.array([[0, 1], [1, 0], [0, 1], [0, 1]])
    relevance = Relevance(tuple(np.array(each, int) for each in ([0], [0], [1], [])))
    sequences = np.array([0, 0, 1, 2])
    hits, counted = first_hits(rankings, relevance), counted_queries(relevance)
    intervals = {
        count: bootstrap_mean(hits_within(hits, count)[counted], sequences[counted])
        for count in (1, 2)
    }
    means = {count: interval.mean for count, interval in intervals.items()}
    assert means == recall_at(rankings, relevance, (1, 2))
    assert intervals[1] == (1 / 3, 0.0, 0.5), "the query without positives has no part in it"
    assert intervals[2] == (1.0, 1.0, 1.0)


def test_one_sequence_tells_nothing_of_others():
    interval = bootstrap_mean([1.0, 0.0], np.array([3, 3]))
    assert interval.mean == 0.5
    assert np.isnan([interval.low, interval.high]).all()


def test_nothing_to_draw_from():
    with pytest.raises(DatasetError, match="0 values"):
        bootstrap_mean([])
    with pytest.raises(DatasetError, match="2 values in 1 sequences"):
        bootstrap_mean([1.0, 2.0], np.array([0]))
