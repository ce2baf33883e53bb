# SPDX-License-Identifier: Apache-2.0
"""From scores to odds: what is promised holds on answers that were not asked for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.calibration import Survey, by_hand, fitted
from vpr_ros.config import CalibrationConfig

PRIOR = CalibrationConfig(half_score=20.0, score_slope=0.3)
LEARNED = CalibrationConfig(half_score=0.5, score_slope=10.0)
MAPPED = 0.5


def drawn(seed, beyond, elsewhere, count=100, **about):
    """A survey whose wrong scores exceed 5 by exponentially distributed amounts of these means."""
    random = np.random.default_rng(seed)
    scores = (tuple(np.sort(5 + random.exponential(mean, count))) for mean in (beyond, elsewhere))
    right = tuple(np.sort(random.uniform(0, 200, count)))
    return Survey(right, *scores, misled=0.1, **about)


def needed(survey, precision=0.99, prior=PRIOR):
    return fitted(survey, prior, MAPPED).needed_score(precision)


def test_a_map_that_says_too_little_gets_the_hand_set_calibration():
    calibration = fitted(drawn(0, 8, 2, count=19), PRIOR, MAPPED)
    assert calibration == by_hand(PRIOR)
    assert not calibration.of_map
    assert calibration.probability(20.0) == pytest.approx(0.5)
    assert calibration.log_odds(30.0) == pytest.approx(3.0)
    assert fitted(Survey(), PRIOR, MAPPED) == by_hand(PRIOR)


@pytest.mark.parametrize("count", [25, 100])
@pytest.mark.parametrize("precision", [0.9, 0.99, 0.999])
def test_the_precision_is_kept_by_answers_that_were_not_asked_for(count, precision):
    kept = []
    for seed in range(50):
        score = needed(drawn(seed, 8.0, 2.0, count), precision)
        # Off the map, a tenth of the images next to it; on it, a tenth misled: see ``drawn``.
        beyond, elsewhere = np.exp(-(score - 5) / 8.0), np.exp(-(score - 5) / 2.0)
        wrong = 0.5 * 0.1 * beyond + 0.5 * (0.9 * elsewhere + 0.1 * beyond)
        kept.append(1.0 - wrong / (wrong + MAPPED * 0.5))
    assert np.mean(kept) >= precision
    assert np.mean(np.array(kept) >= precision) > 0.8


def test_another_drive_tells_how_many_right_answers_stand_out():
    survey = drawn(2, 8, 2)
    half = fitted(survey, PRIOR, MAPPED)
    assert half.found == pytest.approx(MAPPED * 0.5)
    most = fitted(replace(survey, again=(0.0, *[90.0] * 97)), PRIOR, MAPPED)
    assert most.found == pytest.approx(MAPPED * 0.98)
    assert most.needed_score(0.99) < half.needed_score(0.99)
    few = fitted(replace(survey, again=(*[0.0] * 97, 90.0)), PRIOR, MAPPED)
    assert few.found == pytest.approx(MAPPED * 0.02)
    assert few.needed_score(0.99) > half.needed_score(0.99)
    assert fitted(replace(survey, again=(90.0,) * 19), PRIOR, MAPPED) == half


@pytest.mark.parametrize("factor", [1.0, 1.35, 2.0])
def test_scores_that_are_all_larger_need_as_much_more(factor):
    curve = fitted(drawn(3, 8, 2), PRIOR, MAPPED)
    stretched = curve.stretched(factor)
    for precision in (0.9, 0.99):
        needed_score = stretched.needed_score(precision)
        assert needed_score == pytest.approx(factor * curve.needed_score(precision))
        assert stretched.probability(needed_score) == pytest.approx(precision)
    assert stretched.of_map


def test_fewer_samples_need_more():
    few, many = (np.mean([needed(drawn(s, 8, 2, n)) for s in range(20)]) for n in (25, 400))
    assert few > many + 1.0


def test_needed_scores_follow_the_wrong_answers():
    assert needed(drawn(1, 8, 2)) < needed(drawn(1, 16, 2)) < needed(drawn(1, 32, 2))
    assert needed(drawn(1, 2, 2)) < needed(drawn(1, 2, 16))


def test_what_makes_wrong_answers_likelier_needs_more():
    survey = drawn(1, 8, 4)
    usual = needed(survey)
    assert needed(replace(survey, misled=0.5)) > usual
    assert needed(replace(survey, reach=5.0)) > usual
    assert fitted(survey, PRIOR, mapped=0.05).needed_score(0.99) > usual
    beaten = replace(survey, right=(1.0,) * 100)
    assert needed(beaten) > usual


def test_right_answers_that_score_high_promise_nothing():
    survey = drawn(1, 8, 4)
    assert needed(replace(survey, right=(1000.0,) * 100)) == needed(survey)
    assert needed(replace(survey, right=())) == needed(survey)


def test_without_anything_elsewhere_what_lies_beyond_counts_fully():
    survey = drawn(1, 8, 2)
    assert needed(replace(survey, elsewhere=())) > needed(survey)


def test_scores_from_zero_to_one_are_calibrated_alike():
    random = np.random.default_rng(3)
    wrong = tuple(np.sort(random.beta(1, 9, 100)))
    survey = Survey((0.9,) * 100, wrong, wrong, misled=0.1)
    assert 0.4 < needed(survey, prior=LEARNED) < 1.0


def test_no_map_asks_for_less_than_what_other_places_score():
    harmless = Survey((50.0,) * 100, (1.0,) * 100, (1.0,) * 100, misled=0.01)
    alone, measured = (fitted(harmless, PRIOR, MAPPED, each) for each in (False, True))
    assert alone.needed_score(0.99) < 15.0
    assert measured.needed_score(0.99) >= by_hand(PRIOR).needed_score(0.99)
    wide = drawn(1, 60, 60)
    alone, measured = (fitted(wide, PRIOR, MAPPED, each) for each in (False, True))
    assert measured.needed_score(0.99) == pytest.approx(alone.needed_score(0.99), rel=0.1)


@pytest.mark.parametrize("shown", [0, 1, 5])
def test_answers_that_are_refused_anyway_do_not_narrow_the_tail(shown):
    few = (0.0,) * (30 - shown) + tuple(20.0 + 5.0 * number for number in range(shown))
    survey = Survey((50.0,) * 30, few, (7.0,) * 30)
    assert needed(survey) > max(few)


def test_scores_that_tie_are_all_in_the_share():
    apart = Survey((50.0,) * 100, (7.0,) * 100, tuple(np.linspace(6.0, 8.0, 100)))
    tied = replace(apart, elsewhere=(6.0,) * 20 + (7.0,) * 60 + (8.0,) * 20)
    tails = [fitted(each, PRIOR, MAPPED).tails[1] for each in (apart, tied)]
    assert tails[1].start == 7.0
    assert tails[1].share == pytest.approx(81 / 101)
    assert tails[0].share == pytest.approx(22 / 101)


def test_answers_that_all_score_the_same_are_calibrated():
    survey = Survey((50.0,) * 30, (7.0,) * 30, (7.0,) * 30)
    assert 7.0 < needed(survey) < 25.0


@given(
    st.lists(st.floats(0, 1000), min_size=20, max_size=60),
    st.lists(st.floats(0, 1000), min_size=0, max_size=60),
    st.floats(0, 1000),
    st.floats(0, 1000),
)
def test_probability_never_falls_as_scores_grow(beyond, elsewhere, one, other):
    survey = Survey((), tuple(sorted(beyond)), tuple(sorted(elsewhere)))
    calibration = fitted(survey, PRIOR, MAPPED)
    low, high = sorted((one, other))
    assert 0.0 <= calibration.probability(low) <= calibration.probability(high) + 1e-12 <= 1.1


@given(st.integers(0, 20), st.floats(0.5, 0.9999), st.floats(0.1, 50), st.floats(0.1, 50))
def test_the_needed_score_is_the_least_one(seed, precision, beyond, elsewhere):
    calibration = fitted(drawn(seed, beyond, elsewhere, 40), PRIOR, MAPPED)
    score = calibration.needed_score(precision)
    assert calibration.probability(score) == pytest.approx(precision, abs=1e-6)
