# SPDX-License-Identifier: Apache-2.0
"""What one image is worth: by its scores, and by what is new in it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import DECISION, INLIERS, SEQUENCE, STEPS, seen, straight, view

from vpr_ros.calibration_curve import Calibration, Tail
from vpr_ros.place_map.keyframe_table import KeyframeTable
from vpr_ros.sequence import OdometryStep
from vpr_ros.sequence.evidence import Evidence
from vpr_ros.sequence.freshness import Freshness
from vpr_ros.sequence.route import Route

MAP = straight(100)
ROUTE = Route(KeyframeTable(MAP.list))
ODDS = SEQUENCE.trust / (1.0 - SEQUENCE.trust)


def ratios(*matches, calibration=INLIERS):
    """Ratio of every cell."""
    evidence = Evidence(SEQUENCE, DECISION, calibration)
    cells, found = evidence.ratios(seen(MAP, *matches), ROUTE)
    every = np.full(ROUTE.cells, SEQUENCE.miss)
    every[cells] = found
    return every


def gained(*matches):
    return float((ratios(*matches) - SEQUENCE.miss).sum())


def test_an_image_that_names_nothing_speaks_against_the_map():
    assert set(ratios()) == {SEQUENCE.miss}


def test_a_sure_match_is_worth_its_odds_however_many_neighbors_agree():
    expected = (1.0 - SEQUENCE.miss) * ODDS * ROUTE.cells
    assert gained((50, 200)) == pytest.approx(expected)
    assert gained((50, 200), (51, 190), (52, 150), (49, 120)) == pytest.approx(expected)


def test_a_match_speaks_for_its_keyframe_and_those_next_to_it():
    found = ratios((50, 200))
    assert int(found.argmax()) == 49
    assert np.flatnonzero(found > SEQUENCE.miss).tolist() == [47, 48, 49, 50, 51]
    assert np.flatnonzero(ratios((1, 200)) > SEQUENCE.miss).tolist() == [0, 1, 2]


def test_rivals_share_and_the_weaker_one_gets_little():
    even, uneven = ratios((20, 200), (80, 200)), ratios((20, 200), (80, 140))
    assert even[19] == pytest.approx(even[79])
    assert uneven[79] < 0.2 * uneven[19]


def test_noise_in_matching_is_no_evidence():
    assert gained((50, 7)) < 0.05 * ROUTE.cells * (1.0 - SEQUENCE.miss)
    assert ratios((50, 7))[49] < 1.0


@pytest.mark.parametrize("zoom", [1.3, 1 / 1.3, 0.0])
def test_views_from_elsewhere_are_left_out_and_weaken_the_rest(zoom):
    assert gained((50, 200, zoom)) == 0.0
    assert gained((50, 200, zoom), (70, 30)) < 0.01 * gained((70, 30))


def test_keyframes_that_are_not_known_yet_and_scores_of_zero_say_nothing():
    larger = straight(120)
    evidence = Evidence(SEQUENCE, DECISION, INLIERS)
    cells, _ = evidence.ratios(seen(larger, (110, 100)), ROUTE)
    assert len(cells) == 0
    assert np.isfinite(ratios((50, 0), (51, 0))).all()
    assert gained((50, 0), (51, 100)) == pytest.approx(gained((51, 100)))


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_says_nothing(score):
    assert gained((50, score)) == 0.0
    assert gained((50, score), (51, 100)) == pytest.approx(gained((51, 100)))


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(-5, 10**6)), max_size=10))
def test_ratios_are_finite_and_never_below_a_miss(matches):
    learned = Calibration((Tail(0.5, 0.2, 0.1),), 0.25)
    for calibration in (INLIERS, learned):
        found = ratios(*matches, calibration=calibration)
        assert np.isfinite(found).all()
        assert (found >= SEQUENCE.miss).all()


@given(st.integers(0, 300), st.integers(0, 300))
def test_more_inliers_are_worth_more(less, more):
    less, more = sorted((less, more))
    assert gained((50, less)) <= gained((50, more)) + 1e-9


def test_an_image_by_itself_needs_the_decisions_probability():
    evidence = Evidence(SEQUENCE, DECISION, INLIERS)
    answers = [
        evidence.would_accept(seen(MAP, match)[0]) for match in ((1, 27), (1, 28), (1, 80, 2.0))
    ]
    assert answers == [False, True, False]


STILL = OdometryStep(0.0, 0.0)


def test_the_first_image_is_a_whole_look():
    assert Freshness(STEPS).of(None, view(0.0)) == 1.0


@pytest.mark.parametrize(("step", "worth"), [
    (OdometryStep(0.25, 0.0), 0.25), (OdometryStep(-0.25, 0.0), 0.25),
    (OdometryStep(0.0, 0.13), 0.5), (OdometryStep(7.0, 0.0), 1.0), (STILL, 0.0),
])  # fmt: skip
def test_with_odometry_looks_are_counted_in_keyframe_steps(step, worth):
    freshness = Freshness(STEPS)
    freshness.of(None, view(0.0))
    assert freshness.of(step, view(0.0)) == pytest.approx(worth)


def test_without_odometry_looks_are_counted_by_the_change_of_view():
    freshness = Freshness(STEPS)
    freshness.of(None, view(0.0))
    assert freshness.of(None, view(0.3)) == 0.0
    half = 2.0 * math.asin(math.sqrt(STEPS.view_change / 4)) / math.acos(1 - STEPS.view_change)
    assert freshness.of(None, view(half)) == pytest.approx(0.5, abs=0.01)
    assert freshness.of(None, view(half + 5.0)) == 1.0


def test_a_robot_that_stands_sees_nothing_new_by_looking_ahead_and_back():
    freshness = Freshness(STEPS)
    ahead, back = view(0.0), view(5.0)
    assert [freshness.of(None, ahead, "front"), freshness.of(None, back, "rear")] == [1.0, 1.0]
    for _ in range(3):
        assert freshness.of(None, ahead, "front") == 0.0
        assert freshness.of(None, back, "rear") == 0.0
        assert freshness.of(STILL, back, "rear") == 0.0
    assert freshness.of(None, back, "front") == 1.0


def test_with_odometry_that_stands_only_a_new_view_is_a_look():
    freshness = Freshness(STEPS)
    freshness.of(None, view(0.0))
    assert freshness.of(STILL, view(0.9)) == 0.0
    assert freshness.of(STILL, view(1.1)) == 1.0
