# SPDX-License-Identifier: Apache-2.0
"""The filter on simulated routes: it follows, waits, turns, and notices when it is carried away."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import (
    DECISION,
    SEQUENCE,
    UPRIGHT,
    FakeMap,
    Robot,
    along,
    bayes,
    keys,
    place_mass,
    straight,
    view,
)

from vpr_ros.datatypes import Pose, Verdict
from vpr_ros.sequence import OdometryStep
from vpr_ros.sequence.verdict import judge

BOTH = pytest.mark.parametrize("odometry", [True, False], ids=["odometry", "time alone"])
STRONG, WEAK = 100, 18  # inliers; an image of 18 by itself is UNKNOWN
ROUTE = straight(200)


def verdict(belief):
    return judge(belief, DECISION, SEQUENCE)[0]


def robot_on(place_map, s=0.0, odometry=True, **settings):
    return Robot(bayes(place_map, **settings), place_map, odometry, s)


def assert_sound(belief, count):
    assert belief.keyframes.shape == (count,)
    assert np.isfinite(belief.keyframes).all()
    assert (belief.keyframes >= 0.0).all()
    assert belief.keyframes.sum() + belief.off_map == pytest.approx(1.0, abs=1e-9)
    assert 0.0 <= belief.mass <= 1.0


STEP = st.tuples(
    st.floats(-300.0, 300.0),
    st.floats(0.0, 3.0),
    st.booleans(),
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 500), st.floats(0.1, 9.0)), max_size=5),
)


@settings(max_examples=60)
@given(st.lists(STEP, max_size=12), st.booleans(), st.floats(0.0, 5.0))
def test_probabilities_sum_to_one_whatever_happens(steps, poses, period):
    place_map = straight(40, poses=poses)
    robot = robot_on(place_map)
    robot.period = period
    for meters, angle, told, matches in steps:
        robot.odometry = told
        step = OdometryStep(meters, angle)
        assert_sound(robot.go(meters, *matches, odometry_step=step), 40)


@BOTH
def test_weak_images_in_a_row_are_accepted_where_each_alone_is_not(odometry):
    robot = robot_on(ROUTE, s=50.0, odometry=odometry)
    assert verdict(robot.drive(1, 1.0, WEAK)) is Verdict.UNKNOWN
    belief = robot.drive(6, 1.0, WEAK)
    assert verdict(belief) is Verdict.ACCEPTED
    assert belief.best.key.id == round(robot.s) + 1


@pytest.mark.parametrize("count", [200, 1000, 20_000])
def test_one_image_is_worth_the_same_in_maps_of_any_size(count):
    belief = robot_on(straight(count), s=100.0).drive(1, 1.0, STRONG)
    assert belief.mass == pytest.approx(0.942, abs=0.01)
    assert verdict(belief) is Verdict.ACCEPTED


def test_images_between_keyframes_move_the_belief_by_what_they_add_up_to():
    robot = robot_on(ROUTE, s=50.0)
    robot.drive(5, 1.0, STRONG)
    for _ in range(16):
        robot.go(0.125)
    assert robot.belief.best.key.id == round(robot.s) + 1


@BOTH
def test_a_short_gap_is_bridged_and_a_long_one_is_not(odometry):
    robot = robot_on(ROUTE, s=50.0, odometry=odometry)
    robot.drive(5, 1.0, STRONG)
    robot.go(1.0)
    assert verdict(robot.go(1.0)) is Verdict.ACCEPTED
    assert abs(robot.belief.best.key.id - 58) <= 1
    for _ in range(8):
        robot.go(1.0)
    assert verdict(robot.belief) is Verdict.UNKNOWN
    assert robot.belief.unsupported == pytest.approx(10.0)


def test_without_support_for_long_nothing_is_accepted_however_likely():
    robot = robot_on(ROUTE, s=50.0, miss=0.99, leave=1e-6)
    robot.drive(5, 1.0, STRONG)
    for _ in range(6):
        robot.go(1.0)
    assert robot.belief.mass > 0.9
    assert verdict(robot.belief) is Verdict.UNKNOWN


@BOTH
def test_a_robot_that_faces_against_the_drive_is_followed(odometry):
    robot = robot_on(ROUTE, s=150.0, odometry=odometry)
    for _ in range(8):
        s = robot.s - 1.0
        robot.go(-1.0, (round(s) + 1, 40), odometry_step=OdometryStep(1.0, 0.0))
    for _ in range(2):
        robot.go(-1.0, odometry_step=OdometryStep(1.0, 0.0))
    assert verdict(robot.belief) is Verdict.ACCEPTED
    assert abs(robot.belief.best.key.id - (round(robot.s) + 1)) <= 1


def test_backing_up_moves_the_belief_back():
    robot = robot_on(ROUTE, s=50.0)
    robot.drive(6, 1.0, STRONG)
    robot.go(-1.0)
    robot.go(-1.0)
    assert robot.belief.best.key.id == round(robot.s) + 1 == 55


@pytest.mark.parametrize("noise", [0.0, 0.01])
@BOTH
def test_standing_before_a_look_alike_makes_no_certainty(odometry, noise):
    random = np.random.default_rng(0)
    robot = robot_on(ROUTE, s=50.0, odometry=odometry)
    first = robot.go(0.0, (80, 25)).mass
    for _ in range(500):
        noisy = view(50.0) + random.normal(0.0, noise, 2).astype(np.float32)
        belief = robot.go(0.0, (80, 25), views=noisy / np.linalg.norm(noisy))
    assert first < 0.9
    assert belief.mass <= first + 1e-6
    assert verdict(belief) is Verdict.UNKNOWN


@BOTH
def test_a_place_stays_known_while_the_robot_stands_there(odometry):
    robot = robot_on(ROUTE, s=50.0, odometry=odometry)
    before = robot.drive(5, 1.0, STRONG)
    for _ in range(500):
        belief = robot.go(0.0)
    assert verdict(belief) is Verdict.ACCEPTED
    if odometry:
        assert belief.best.key.id == before.best.key.id


@BOTH
@pytest.mark.parametrize("inliers", [30, STRONG])
def test_a_carried_robot_is_found_again_and_the_old_place_forgotten(odometry, inliers):
    robot = robot_on(ROUTE, s=20.0, odometry=odometry)
    robot.drive(20, 1.0, STRONG)
    robot.s = 150.0
    recovered = None
    for count in range(1, 16):
        belief = robot.drive(1, 1.0, inliers)
        if count > 5:
            assert place_mass(belief, range(20, 80)) < 0.05
        right = verdict(belief) is Verdict.ACCEPTED and abs(belief.best.key.id - robot.s - 1) <= 2
        recovered = recovered or (count if right else None)
    assert recovered <= 5


@BOTH
def test_a_robot_carried_off_the_map_does_not_believe_in_the_old_place(odometry):
    robot = robot_on(ROUTE, s=20.0, odometry=odometry)
    robot.drive(20, 1.0, STRONG)
    robot.s = 900.0
    for _ in range(6):
        belief = robot.go(1.0)
    assert place_mass(belief, range(20, 80)) < 0.75
    assert verdict(belief) is Verdict.UNKNOWN
    for _ in range(10):
        belief = robot.go(1.0)
    assert belief.off_map > 0.8


def test_wheels_that_stand_still_do_not_hide_that_the_robot_is_carried():
    robot = robot_on(ROUTE, s=20.0)
    robot.drive(20, 1.0, STRONG)
    robot.s = 150.0
    for _ in range(6):
        robot.go(1.0, (round(robot.s) + 2, STRONG), odometry_step=OdometryStep(0.0, 0.0))
    assert place_mass(robot.belief, range(20, 80)) < 0.05


def twins(s):
    """Meters 100 to 130 look exactly like meters 50 to 80."""
    number = round(s) + 1
    return [(n, STRONG) for n in (number, number + 50 if s < 90 else number - 50)]


@BOTH
def test_look_alikes_are_ambiguous_until_the_way_there_tells_them_apart(odometry):
    lost = robot_on(ROUTE, s=54.0, odometry=odometry)
    for _ in range(5):
        lost.go(1.0, *twins(lost.s + 1.0))
    assert verdict(lost.belief) is Verdict.AMBIGUOUS
    assert {lost.belief.best.key.id, lost.belief.rival.key.id} == {60, 110}
    informed = robot_on(ROUTE, s=44.0, odometry=odometry)
    informed.drive(5, 1.0, STRONG)
    for _ in range(10):
        informed.go(1.0, *twins(informed.s + 1.0))
    assert verdict(informed.belief) is Verdict.ACCEPTED
    assert informed.belief.best.key.id == 60


def crossing():
    """East for 60 m, round a block, and south across the way at x = 30: keyframe 31, again 136."""
    east = [(x, 0.0) for x in range(61)]
    block = [(60.0, y) for y in range(1, 45)] + [(x, 45.0) for x in range(60, 30, -1)]
    return FakeMap(along([*east, *block, *[(30.0, 45.0 - y) for y in range(80)]]))


def turned_off(place_map):
    """A robot that turned off to the south at x = 30, and the keyframe where it is."""
    south = next(r.key.id for r in place_map.list if r.pose.position == (30.0, -3.0, 0.0))
    robot = robot_on(place_map, s=10.0)
    robot.drive(20, 1.0, STRONG)
    for matches in [(), (), ((south, WEAK),), ((south + 1, WEAK),)]:
        robot.go(1.0, *matches, odometry_step=OdometryStep(1.0, 0.2))
    return robot.belief, south + 1


def test_a_robot_that_turns_off_at_a_crossing_is_followed(monkeypatch):
    belief, here = turned_off(crossing())
    assert verdict(belief) is Verdict.ACCEPTED
    assert abs(belief.best.key.id - here) <= 1
    monkeypatch.setattr("vpr_ros.sequence.bayes._BRANCH", 0.0)
    assert verdict(turned_off(crossing())[0]) is not Verdict.ACCEPTED


def test_the_map_may_grow_while_it_is_used():
    place_map = straight(100)
    robot = robot_on(place_map, s=50.0)
    before = robot.drive(5, 1.0, STRONG)
    for size in range(101, 111):
        place_map.append(straight(size).list[len(place_map) :])
        belief = robot.go(0.0)
        assert_sound(belief, size)
        assert belief.best.key.id == before.best.key.id
        assert belief.mass == pytest.approx(before.mass, abs=1e-6)
    robot.s = 103.0
    assert robot.drive(4, 1.0, STRONG).best.key.id == 108


def test_an_empty_map_is_nowhere_and_may_be_filled():
    place_map = FakeMap()
    robot = robot_on(place_map)
    belief = robot.go(1.0)
    assert (belief.off_map, belief.best, verdict(belief)) == (1.0, None, Verdict.UNKNOWN)
    place_map.list = straight(60).list
    assert_sound(robot.go(1.0), 60)
    assert verdict(robot.drive(5, 1.0, STRONG)) is Verdict.ACCEPTED


def test_a_map_that_lost_keyframes_is_read_again():
    place_map = straight(100)
    robot = robot_on(place_map, s=50.0)
    robot.drive(5, 1.0, STRONG)
    place_map.list = place_map.list[:70]
    belief = robot.go(0.0)
    assert_sound(belief, 70)
    assert belief.best.key.id == 56


def test_corrected_poses_leave_the_keyframe_believed_in():
    place_map = straight(200)
    robot = robot_on(place_map, s=50.0)
    before = robot.drive(5, 1.0, STRONG)
    place_map.list = [
        replace(r, pose=Pose((2.0 * r.pose.position[0], 5.0, 0.0), UPRIGHT, "map"))
        for r in place_map.list
    ]
    robot.tracker.reload()
    belief = robot.go(0.0)
    assert_sound(belief, 200)
    assert belief.best.key.id == before.best.key.id
    robot.go(2.0)
    assert robot.belief.best.key.id == before.best.key.id + 1


def test_a_bag_that_starts_over_starts_over():
    robot, fresh = robot_on(ROUTE, s=50.0), robot_on(ROUTE, s=20.0)
    robot.drive(5, 1.0, STRONG)
    robot.s, robot.second = fresh.s, fresh.second - 50.0
    again, first = robot.drive(1, 1.0, WEAK), fresh.drive(1, 1.0, WEAK)
    np.testing.assert_allclose(again.keyframes, first.keyframes)


def test_an_image_that_another_camera_overtook_is_of_the_same_drive():
    robot = robot_on(ROUTE, s=50.0)
    before = robot.drive(5, 1.0, STRONG)
    robot.second -= 1.5  # the next image is half a second older than the last
    after = robot.go(0.0)
    assert after.best.key.id == before.best.key.id
    assert after.mass > 0.9 * before.mass
    assert_sound(after, len(after.keyframes))


def test_two_drives_of_one_street_do_not_make_it_ambiguous():
    first = list(along([(n, 0.0) for n in range(100)], "monday"))
    second = along([(0.0, n) for n in range(100)], "tuesday", first_id=101)
    place_map = FakeMap([*first, *second])
    robot = robot_on(place_map, s=50.0)
    for _ in range(5):
        number = round(robot.s) + 2
        robot.go(1.0, (number, STRONG), (number + 100, STRONG))
    assert verdict(robot.belief) is Verdict.ACCEPTED
    assert keys([round(robot.s) + 1, round(robot.s) + 101]) <= robot.belief.place


def test_driving_off_the_end_leaves_the_map():
    robot = robot_on(straight(30), s=20.0)
    robot.drive(8, 1.0, STRONG)
    for _ in range(6):
        belief = robot.go(1.0)
    assert belief.off_map > 0.8


def test_pictures_from_another_distance_say_nothing_of_their_keyframe():
    robot = robot_on(ROUTE, s=50.0)
    for _ in range(6):
        belief = robot.go(1.0, (100, STRONG, 2.0))
    assert belief.mass < 0.1


def test_a_step_of_a_hundred_kilometers_and_a_pause_of_a_year_do_no_harm():
    robot = robot_on(ROUTE, s=50.0)
    robot.drive(5, 1.0, STRONG)
    assert_sound(robot.go(1e5), 200)
    robot.second, robot.odometry = robot.second + 3e7, False
    assert_sound(robot.go(1.0), 200)


@settings(max_examples=15)
@given(st.floats(-3.0, 3.0), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_where_the_map_has_its_origin_changes_nothing(turned, x, y):
    rotation = np.array([[np.cos(turned), np.sin(turned)], [-np.sin(turned), np.cos(turned)]])
    bend = [(n, 0.0) for n in range(30)] + [(30.0, n) for n in range(30)]
    moved = np.array(bend) @ rotation + (x, y)
    beliefs = []
    for points in (bend, moved):
        robot = robot_on(FakeMap(along(points)), s=10.0)
        beliefs.append(robot.drive(25, 1.0, 30))
    masses = [belief.keyframes for belief in beliefs]
    np.testing.assert_allclose(*masses, atol=1e-3)


@settings(max_examples=10)
@given(st.integers(1, 8))
def test_the_rate_of_images_changes_little(images_per_meter):
    robot = robot_on(ROUTE, s=50.0)
    robot.drive(5, 1.0, STRONG)
    for _ in range(3 * images_per_meter):
        belief = robot.go(1.0 / images_per_meter)
    assert belief.best.key.id == 59
    assert belief.mass == pytest.approx(0.9, abs=0.06)
