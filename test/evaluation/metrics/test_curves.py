# SPDX-License-Identifier: Apache-2.0
"""Precision and recall against scikit-learn; calibration error, risk and coverage by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.curves import (
    expected_calibration_error,
    precision_recall,
    risk_coverage,
)

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50)


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


def test_calibration_error_by_hand():
    # Bin (0.4, 0.5]: promised 0.45 on average, half are right. Bin (0.9, 1]: 0.95, two thirds.
    probabilities = [0.42, 0.48, 0.92, 0.95, 0.98]
    right = [True, False, True, True, False]
    expected = 2 / 5 * abs(0.45 - 1 / 2) + 3 / 5 * abs(0.95 - 2 / 3)
    assert expected_calibration_error(probabilities, right) == pytest.approx(expected)


@pytest.mark.parametrize(("probabilities", "right", "error"), [
    ([1.0, 1.0], [True, True], 0.0),
    ([1.0, 1.0], [True, False], 0.5),
    ([0.0], [False], 0.0),
    ([0.5, 0.5], [True, False], 0.0),
    ([0.3], [True], 0.7),
    ([0.05, 0.95], [True, False], 0.95),
])  # fmt: skip
def test_calibration_error_of_simple_cases(probabilities, right, error):
    assert expected_calibration_error(probabilities, right) == pytest.approx(error)


def test_an_edge_belongs_to_the_bin_below():
    # 0.5 and 0.45 share a bin of ten, 0.5 and 0.55 do not.
    assert expected_calibration_error([0.5, 0.45], [False, True]) == pytest.approx(0.05 / 2)
    together = expected_calibration_error([0.5, 0.55], [False, True])
    assert together == pytest.approx((0.5 + 0.45) / 2)


def test_bins_do_not_make_up_for_one_another():
    assert expected_calibration_error([0.6, 0.9], [True, False]) == pytest.approx((0.4 + 0.9) / 2)


@given(ANSWERS)
def test_calibration_error_stays_in_range(answers):
    probabilities, right = zip(*answers, strict=True)
    assert 0.0 <= expected_calibration_error(probabilities, right) <= 1.0


def test_risk_and_coverage_by_hand():
    curve = risk_coverage([0.9, 0.2, 0.7, 0.4], [True, False, False, True])
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk == pytest.approx([0.0, 1 / 2, 1 / 3, 1 / 2])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_equal_confidences_come_together():
    curve = risk_coverage([5.0, 5.0, 1.0], [True, False, True])
    assert curve.coverage == pytest.approx([2 / 3, 1.0])
    assert curve.risk == pytest.approx([1 / 2, 1 / 3])
    assert curve.area == pytest.approx(2 / 3 * 1 / 2 + 1 / 3 * 1 / 3)


def test_right_answers_first_are_the_least_area():
    right = [True, True, False, True, False]
    best = risk_coverage(np.asarray(right, float) + np.linspace(0, 0.1, 5), right).area
    worst = risk_coverage(-np.asarray(right, float) + np.linspace(0, 0.1, 5), right).area
    assert best == pytest.approx((1 / 4 + 2 / 5) / 5)
    assert worst == pytest.approx((1 + 1 + 2 / 3 + 2 / 4 + 2 / 5) / 5)
    assert risk_coverage([0.1, 0.2], [True, True]).area == 0.0


@given(ANSWERS)
def test_coverage_ends_at_all_and_the_area_is_a_mean_of_risks(answers):
    curve = risk_coverage(*zip(*answers, strict=True))
    assert curve.coverage[-1] == 1.0
    assert (np.diff(curve.coverage) > 0.0).all()
    assert curve.risk.min() - 1e-9 <= curve.area <= curve.risk.max() + 1e-9


@pytest.mark.parametrize("metric", [expected_calibration_error, risk_coverage])
@pytest.mark.parametrize(("values", "right"), [([], []), ([0.5], []), ([float("nan")], [True])])
def test_what_cannot_be_judged_is_refused(metric, values, right):
    with pytest.raises(DatasetError):
        metric(values, right)


def test_what_is_no_probability_is_refused():
    with pytest.raises(DatasetError, match="not 0 to 1"):
        expected_calibration_error([1.5], [True])
