# SPDX-License-Identifier: Apache-2.0
"""Where another drive shows a keyframe's place, and where nobody can tell."""

import pytest
from town import Town

from vpr_ros.calibration.second_drive import SecondDrives, Sight
from vpr_ros.config import DecisionConfig

DECISION = DecisionConfig(place_radius=10.0, place_seconds=10.0)
MONDAY, TUESDAY = slice(0, 100), slice(100, 200)


def near(a, b):
    """Who stands 1000 m on in another frame stands at the same place."""
    return max(100.0 - abs(a % 1000 - b % 1000), 0.0)


def seen(second, likeness=near, **about):
    """Where the second drive shows the places of the first, that is 100 m long."""
    sessions = ["monday"] * 100 + ["tuesday"] * len(second)
    town = Town([*range(100), *second], likeness, sessions=sessions, **about)
    return asked(town, range(100))


def asked(town, rows):
    return SecondDrives(town, DECISION).of(list(rows), town.similarities(town.descriptors(rows)))


def test_the_place_is_found_whatever_frame_the_other_drive_has():
    sights = seen(range(1000, 1100))
    assert sights[50] == [Sight(TUESDAY, 150)]
    assert all(sights[row] == [Sight(TUESDAY, 100 + row)] for row in range(4, 96))


def test_ends_of_a_drive_have_too_few_neighbors():
    sights = seen(range(1000, 1100))
    assert not any(sights[:4])
    assert not any(sights[96:])


@pytest.mark.parametrize("step", [0.5, 2.0])
def test_another_drive_may_have_other_distances_between_its_keyframes(step):
    places = [1000 + step * n for n in range(round(100 / step))]
    # What is not at a whole number of meters is of another camera there: keep to one.
    sights = seen([round(2 * place) / 2 for place in places if place % 1.0 == 0.0])
    assert sights[50][0].center in (125, 150)


def test_a_part_of_the_way_is_found_and_the_rest_is_not():
    sights = seen(range(1040, 1100))
    assert not any(sights[:30])
    assert all(sights[60:96])


def test_matches_that_stay_while_the_robot_moves_on_are_no_agreement():
    def likeness(a, b):
        return 100.0 if b == 1020 else 0.1 * near(a, b)

    assert not any(seen(range(1000, 1100), likeness))


def test_matches_that_jump_are_no_agreement():
    def likeness(a, b):
        return 100.0 if (int(a) * 37) % 100 == b - 1000 else 0.0

    assert not any(seen(range(1000, 1100), likeness))


def test_a_way_that_looks_like_another_is_not_believed_unless_the_other_looks_back():
    def likeness(a, b):
        """The second drive is elsewhere: alike from 0 to 30 m, and best from 60 m on."""
        here, there = min(a, b), max(a, b)
        if there < 1000 or here >= 1000:
            return near(a, b)
        other = there - 1000
        return max(50.0 - abs(here - other), 80.0 - abs(here - 60 - other), 0.0)

    sights = seen(range(1000, 1030), likeness)
    assert not any(sights[:30])
    assert all(sights[66:84])


def test_a_map_of_one_drive_has_no_second():
    town = Town(range(100), near)
    assert asked(town, [5, 50]) == [[], []]
