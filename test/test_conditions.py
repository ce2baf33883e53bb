# SPDX-License-Identifier: Apache-2.0
"""What a drive says of today's images, and by how much it raises the needed score."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.calibration_curve import Calibration, CalibrationRecord, Tail
from vpr_ros.conditions import Conditions

DIM = 32
CURVE = Calibration((Tail(20.0, 0.1, 2.0),), 0.25, of_map=True)
RECORD = CalibrationRecord(CURVE, 100, "x", 0, (50.0,), (9.0,), (9.0,), 0, usual=(10.0, 20.0))


class Descriptors:
    """A map that is nothing but drives of random views in some light."""

    def __init__(self, *lights, count=100):
        views = [drive(count, light, seed) for seed, light in enumerate(lights)]
        self._every = np.concatenate([np.empty((0, DIM), np.float32), *views])
        self.sessions = np.repeat(np.arange(len(lights)), count)
        self.table = self

    def __len__(self):
        return len(self._every)

    def descriptors(self, rows):
        return self._every[rows]

    def session_name(self, number):
        return f"session-{number + 1}"


def drive(count, light=0, seed=10, strength=1.0):
    """Random unit vectors with something in common."""
    views = np.random.default_rng(seed).normal(size=(count, DIM)) / np.sqrt(DIM)
    views[:, light] += strength
    return (views / np.linalg.norm(views, axis=1, keepdims=True)).astype(np.float32)


def followed(views, *, scores=(8, 9, 10, 11, 20), accepted=None, place=None, record=RECORD):
    conditions = Conditions(Descriptors(0) if place is None else place, record)
    for view in views:
        conditions.look(view, [float(score) for score in scores], accepted)
    return conditions


def test_nothing_is_said_before_there_is_enough_to_tell():
    conditions = followed(drive(49))
    assert conditions.today.facts(RECORD) == {}
    assert conditions.factor == 1.0


def test_images_of_the_same_light_are_near_and_of_another_far():
    same, other = (followed(drive(150, light)).today.distance for light in (0, 1))
    assert same < 0.25 < 0.7 < other


def test_a_map_of_several_drives_is_as_far_as_its_nearest_one():
    place = Descriptors(0, 1)
    today = followed(drive(150, 1), place=place).today
    assert today.distance < 0.25 < 0.7 < today.between
    words = today.facts(RECORD)["conditions: distance of today's images from the map"]
    assert words.endswith(f"drives of the map are {today.between:.2f} apart at most")


def test_what_the_drive_itself_adds_to_the_map_is_not_compared_with():
    place = Descriptors(0)
    conditions = Conditions(place, RECORD)
    for view in drive(150, 1):
        conditions.look(view, [], None)
        place._every = np.concatenate([place._every, view[None]])
        place.sessions = np.append(place.sessions, 1)
    assert conditions.today.distance > 0.7
    assert conditions.today.between is None


def test_a_map_without_keyframes_has_no_distance():
    assert followed(drive(150), place=Descriptors()).today.distance is None


def test_a_robot_that_stands_counts_once():
    (view,) = drive(1)
    conditions = followed([view] * 500, scores=[90.0] * 5)
    assert conditions.today.looks == 1
    assert conditions.factor == 1.0


def test_a_drive_that_gets_dark_moves_away():
    dusk = followed([*drive(200, 0), *drive(300, 1)]).today.distance
    assert dusk > 0.7


@pytest.mark.parametrize(
    ("times", "factor"),
    [(0.5, 1.0), (1.0, 1.0), (1.25, 1.0), (1.35, 1.35), (1.5, 1.5), (2.02, 2.0)],
)
def test_the_needed_score_rises_as_wrong_scores_do_and_never_falls(times, factor):
    scores = [times * score for score in (9, 10, 10, 10, 20)]
    assert followed(drive(60), scores=scores).factor == pytest.approx(factor)


def test_only_wrong_scores_that_are_higher_throughout_raise_it():
    assert followed(drive(60), scores=(10, 10, 10, 10, 80)).factor == 1.0
    assert followed(drive(60), scores=(16, 16, 16, 16, 20)).factor == 1.0


def test_a_map_whose_survey_does_not_tell_is_left_as_it_is():
    silent = replace(RECORD, usual=())
    assert followed(drive(60), scores=[90] * 5, record=silent).factor == 1.0
    nothing = replace(RECORD, usual=(0.0, 5.0))
    assert followed(drive(60), scores=[90] * 5, record=nothing).factor == 1.0


def test_old_scores_are_forgotten():
    conditions = followed(drive(60), scores=[40] * 5)
    assert conditions.factor == 2.0  # 40 for 20
    for view in drive(200, seed=11):
        conditions.look(view, [10.0] * 5, None)
    assert conditions.factor == 1.0


def test_facts_are_plain():
    facts = followed(drive(150), scores=[15] * 4 + [30], accepted=44.0).today.facts(RECORD)
    assert facts.pop("conditions: distance of today's images from the map").endswith(
        " spreads, the map has one drive"
    )
    assert facts == {
        "conditions: scores at other places": (
            "50 %: 15.00, 10.00 in the map; 90 %: 30.00, 20.00 in the map"
        ),
        "conditions: median score of accepted answers": "44.00, 50.00 between neighbors in the map",
        "conditions: needed score raised by": "50 %",
    }


@pytest.mark.parametrize(("light", "said"), [(0, 0), (1, 1)])
def test_images_from_far_away_are_warned_of_once(light, said, caplog):
    with caplog.at_level(logging.WARNING):
        followed(drive(300, light))
    assert len([line for line in caplog.messages if "today's images look" in line]) == said


def test_a_map_whose_drives_are_close_warns_earlier(caplog):
    views = [*drive(150, 0, strength=0.4)]
    with caplog.at_level(logging.WARNING):
        alone = followed(views, place=Descriptors(0)).today.distance
    assert 0.5 < alone < 0.6
    assert not caplog.messages
    with caplog.at_level(logging.WARNING):
        followed(views, place=Descriptors(0, 0))
    assert "more than 0.50 is unusual" in caplog.text


def test_the_same_images_lead_to_the_same():
    first, second = (followed(drive(200, 1), accepted=50.0).today for _ in range(2))
    assert first == second
