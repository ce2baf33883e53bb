# SPDX-License-Identifier: Apache-2.0
"""What a map answers to its own keyframes, right and wrong."""

import math

import pytest
from town import Town

from vpr_ros.calibration import never, summed, surveyed
from vpr_ros.calibration.survey import TOGETHER, Sample
from vpr_ros.config import DecisionConfig

DECISION = DecisionConfig(place_radius=10.0, place_seconds=10.0)
CLEAR = 20.0


def near(a, b):
    """A street that looks less like itself with every meter."""
    return max(100.0 - abs(a - b), 0.0)


def ask(town, decision=DECISION):
    return summed(surveyed(town, town, decision, never), CLEAR, len(town))


def test_wrong_answers_come_from_beyond_the_place_and_from_beyond_its_surroundings():
    survey = ask(Town(range(200), near))
    assert set(survey.beyond) == {89.0}  # 11 m away
    assert set(survey.elsewhere) == {59.0}  # 41 m away
    assert set(survey.right) == {99.0}  # next door
    assert len(survey.beyond) == Town.survey


def test_what_another_camera_saw_of_the_place_is_no_right_answer():
    places = [place for n in range(200) for place in (n, n + 0.25)]
    survey = ask(Town(places, lambda a, b: near(a, b) if a % 1.0 == b % 1.0 else 0.0))
    assert set(survey.right) == {99.0}
    assert set(survey.beyond) == {89.0}


def test_answers_that_would_be_refused_whatever_their_score_count_as_nothing():
    survey = ask(Town(range(200), near, zoomed=True))
    assert set(survey.beyond) == set(survey.elsewhere) == {0.0}
    assert set(survey.right) == {99.0}


def test_without_poses_time_tells_places_apart():
    survey = ask(Town(range(200), near, poses=False, period=2.0))  # 10 s are 5 keyframes
    assert set(survey.beyond) == {94.0}
    assert set(survey.elsewhere) == {79.0}
    assert set(survey.right) == {99.0}


def test_where_keyframes_stand_far_apart_there_are_no_right_answers():
    survey = ask(Town(range(0, 2000, 50), lambda a, b: 5.0))
    assert survey.right == ()
    assert survey.misled == 0.5
    assert survey.beyond == survey.elsewhere == (5.0,) * 40


def test_a_map_of_one_place_has_no_wrong_answers():
    survey = ask(Town([0.5 * n for n in range(20)], near))
    assert survey.beyond == survey.elsewhere == ()


def test_a_map_of_one_surrounding_has_nothing_elsewhere():
    survey = ask(Town(range(30), near))
    assert len(survey.beyond) == 30
    assert survey.elsewhere == ()


def test_the_comparisons_are_few_and_the_answers_always_the_same():
    town = Town(range(3000), near)
    first = ask(town)
    assert town.compared <= Town.survey * (2 * DECISION.candidates + 4)
    assert ask(town) == first


def test_a_survey_that_was_stopped_goes_on_where_it_was():
    town, asked = Town(range(200), near), iter(range(100))
    some = surveyed(town, town, DECISION, lambda: next(asked) == 3)
    assert len(some) == 3 * TOGETHER
    compared = town.compared
    every = surveyed(town, town, DECISION, never)
    assert town.compared > 2 * compared
    town.compared = 0
    assert surveyed(town, town, DECISION, never, some) == every
    assert surveyed(town, town, DECISION, never, every) == every


def seen_twice(a, b):
    return near(a % 100, b % 100)


def test_a_street_driven_twice_is_left_out_and_counted_where_no_pose_tells():
    survey = ask(Town(range(200), seen_twice, poses=False))
    assert survey.look_alikes > 90
    assert len(survey.beyond) + survey.look_alikes == Town.survey


def test_answers_as_poor_as_those_of_the_neighbors_are_no_twins():
    survey = ask(Town(range(200), lambda a, b: 7.0))
    assert survey.look_alikes == 0
    assert set(survey.beyond) == {7.0}


def test_a_street_driven_twice_is_one_place_where_poses_tell():
    there_and_back = [*range(100), *range(100)]
    survey = ask(Town(there_and_back, near))
    assert survey.look_alikes == 0
    assert set(survey.beyond) == {89.0}


TWICE = [*range(100), *[n + 1000 for n in range(100)]]  # a street, and again in another frame
SESSIONS = ["monday"] * 100 + ["tuesday"] * 100


def in_other_light(a, b):
    """Half as alike on another day."""
    return near(a % 1000, b % 1000) * (0.5 if (a < 1000) != (b < 1000) else 1.0)


def test_another_drive_tells_what_right_answers_score_and_wrong_ones_stay_those_of_the_own():
    survey = ask(Town(TWICE, in_other_light, sessions=SESSIONS))
    assert set(survey.again) == {50.0}
    assert len(survey.again) == 2 * (100 - 2 * 4)  # all but those at the ends, with few neighbors
    assert set(survey.right) == {99.0}
    assert set(survey.beyond) == {89.0}
    assert survey.misled == pytest.approx(1 / 186)  # of the 184 that were asked


def test_a_place_that_another_drive_shows_zoomed_or_not_at_all_is_not_found():
    survey = ask(Town(TWICE, in_other_light, sessions=SESSIONS, zoomed=True))
    assert set(survey.again) == {0.0}  # tuesday stands 1000 m ahead of monday


@pytest.mark.parametrize(("count", "misled"), [(19, 1 / 21), (30, 11 / 32)])
def test_another_drive_that_misleads_is_counted_where_it_was_asked_often_enough(count, misled):
    samples = [
        Sample(90.0, 30.0, 20.0, 80, (), again=50.0, astray=60.0 if n % 3 == 0 else 40.0)
        for n in range(count)
    ]
    assert summed(samples, CLEAR, 100).misled == pytest.approx(misled)


def test_all_wrong_candidates_tell_what_is_usual():
    survey = ask(Town(range(200), near))
    median, high = survey.usual
    assert 80.0 < median < high <= 89.0
    assert ask(Town([0.5 * n for n in range(20)], near)).usual == ()


def test_another_drive_elsewhere_is_not_asked():
    sessions = ["monday"] * 100 + ["tuesday"] * 100
    survey = ask(Town([*range(100), *range(500, 600)], near, sessions=sessions))
    assert survey.again == ()
    assert set(survey.beyond) == {89.0}
    # Of 200 keyframes, 79 to 89 could be a wrong answer.
    assert 200 / 89 <= survey.reach <= 200 / 79


def test_scores_that_are_no_numbers_are_ignored():
    survey = ask(Town(range(200), lambda a, b: math.nan if abs(a - b) == 11 else near(a, b)))
    assert set(survey.beyond) == {88.0}
    assert ask(Town(range(200), lambda a, b: math.nan)).beyond == ()


@pytest.mark.parametrize("misleading", [0, 60])
def test_keyframes_that_mislead_are_counted(misleading):
    def likeness(a, b):
        return 99.5 if a < misleading and abs(a - b) == 12 else near(a, b)

    survey = ask(Town(range(100), likeness))
    assert survey.misled == pytest.approx((misleading + 1) / 102)
