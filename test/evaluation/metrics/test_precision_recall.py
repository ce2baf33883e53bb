# SPDX-License-Identifier: Apache-2.0
"""Precision and recall: against scikit-learn, and by hand what it does not have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics import precision_recall


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_agrees_with_scikit_learn(seed, has_ties):
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    scores = random.random(40).round(1 if has_ties else 9)
    right = random.random(40) < 0.6
    right[0] = True
    ours = precision_recall(scores, right)
    precision, recall, thresholds = sklearn.precision_recall_curve(right, scores)
    assert ours.precision == pytest.approx(precision[:-1][::-1])
    assert ours.recall == pytest.approx(recall[:-1][::-1])
    assert ours.thresholds == pytest.approx(thresholds[::-1])
    assert ours.area == pytest.approx(sklearn.average_precision_score(right, scores))


def test_recall_counts_what_could_be_found():
    curve = precision_recall([0.9, 0.8, 0.7], [True, False, True], findable=4)
    assert curve.recall.tolist() == [0.25, 0.25, 0.5]
    assert curve.precision.tolist() == pytest.approx([1.0, 0.5, 2 / 3])
    assert curve.area == pytest.approx(0.25 * 1.0 + 0.25 * 2 / 3)


def test_recall_at_precision():
    right = [True] * 99 + [False] + [True] * 20
    curve = precision_recall(np.arange(120)[::-1], right)
    assert curve.recall_at_precision(1.0) == pytest.approx(99 / 119)
    assert curve.recall_at_precision(0.99) == 1.0


def test_extended_precision():
    right_first = precision_recall([4, 3, 2, 1], [True, True, False, True])
    assert right_first.extended_precision == pytest.approx((1.0 + 2 / 3) / 2)
    wrong_first = precision_recall([4, 3, 2, 1], [False, True, True, True])
    assert wrong_first.recall_at_precision(1.0) == 0.0
    assert wrong_first.extended_precision == 0.0
    tied = precision_recall([4, 4, 2, 1], [False, True, True, True])
    assert tied.extended_precision == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("scores", "right", "findable", "said"),
    [
        ([], [], None, "0 scores for 0 matches"),
        ([1.0], [True, False], None, "1 scores for 2 matches"),
        ([float("nan")], [True], None, "NaN"),
        ([1.0], [False], None, "0 queries can be found"),
        ([1.0, 2.0], [True, True], 1, "2 right matches, but 1"),
    ],
)
def test_what_has_no_curve(scores, right, findable, said):
    with pytest.raises(DatasetError, match=said):
        precision_recall(scores, right, findable)
