# SPDX-License-Identifier: Apache-2.0
"""Shifts, boxes and what odometry says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import SEQUENCE, straight

from vpr_ros.datatypes import Pose
from vpr_ros.place_map.keyframe_table import KeyframeTable
from vpr_ros.sequence.motion import Motion, Odometer, OdometryStep, diffuse, move
from vpr_ros.sequence.route import Route


def pose(x, y, yaw=0.0, frame="odom"):
    return Pose((x, y, 0.0), (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)), frame)


def moved_slowly(cells, low, high):
    """The definition: every number of cells from low to high alike."""
    result = np.zeros(len(cells))
    for shift in range(low, high + 1):
        for origin, mass in enumerate(cells):
            if 0 <= origin + shift < len(cells):
                result[origin + shift] += mass / (high - low + 1)
    return result


@given(st.integers(1, 12), st.integers(-15, 15), st.integers(0, 20))
def test_boxes_are_what_they_are_defined_to_be(count, low, width):
    cells = np.random.default_rng(count).random((2, count))
    expected = [
        moved_slowly(cells[0], low, low + width),
        moved_slowly(cells[1], -low - width, -low),
    ]
    move(cells, low, low + width)
    np.testing.assert_allclose(cells, expected, atol=1e-12)


@given(st.floats(0.0, 5.0), st.integers(1, 9))
def test_diffusion_keeps_the_mass_and_the_center(variance, count):
    cells = np.zeros((2, 2 * count + 1))
    cells[:, count] = 1.0
    diffuse(cells, variance)
    assert cells.sum() == pytest.approx(2.0)
    np.testing.assert_allclose(cells, cells[:, ::-1])
    assert (cells >= 0.0).all()


def advanced(steps, count=200, start=100, **about):
    route = Route(KeyframeTable(straight(count, **about).list))
    belief = np.zeros((2, count))
    belief[0, start] = 1.0
    motion = Motion(SEQUENCE)
    for step, seconds in steps:
        motion.advance(belief, route, step, seconds)
    places = np.arange(count)
    mean = float(belief[0] @ places) / belief.sum()
    return mean - start, float(belief[0] @ (places - mean) ** 2) ** 0.5, belief.sum()


@pytest.mark.parametrize(("meters", "times"), [(0.1, 300), (1.0, 30), (30.0, 1), (-0.5, 60)])
def test_odometry_moves_exactly_and_spreads_with_the_square_root(meters, times):
    mean, deviation, total = advanced([(OdometryStep(meters, 0.0), 0.1)] * times)
    assert mean == pytest.approx(meters * times, abs=0.5)
    assert deviation == pytest.approx(SEQUENCE.drift * 30**0.5, rel=0.1)
    assert total == pytest.approx(1.0)


@pytest.mark.parametrize("seconds", [0.1, 1.0, 20.0])
def test_time_alone_moves_at_the_speed_of_the_map(seconds):
    mean, _, _ = advanced([(None, seconds)] * round(20 / seconds))
    assert mean == pytest.approx(20.0, rel=0.1)


def test_without_poses_in_the_map_odometry_tells_whether_and_which_way():
    standing, driving, backing = (
        advanced([(OdometryStep(meters, 0.0), 1.0)] * 10, poses=False)[0]
        for meters in (0.0, 0.5, -0.5)
    )
    assert standing == 0.0
    assert driving == pytest.approx(-backing) == pytest.approx(10.0, rel=0.1)


def test_a_wait_counts_for_a_keyframe_at_most():
    route = Route(KeyframeTable(straight(50).list))
    belief = np.zeros((2, 50))
    belief[0, 10] = 1.0
    motion = Motion(SEQUENCE)
    motion.wait(1000.0)
    motion.advance(belief, route, None, 0.0)
    assert belief[0, 10:13].sum() == pytest.approx(1.0)


def test_steps_are_signed_by_where_the_robot_faces():
    odometer = Odometer()
    assert odometer.step(pose(5.0, 5.0, math.pi / 2)) is None
    ahead = odometer.step(pose(5.0, 7.0, math.pi / 2))
    back = odometer.step(pose(5.0, 6.0, math.pi / 2 + 0.3))
    assert (ahead.distance, back.distance) == (pytest.approx(2.0), pytest.approx(-1.0))
    assert (ahead.angle, back.angle) == (pytest.approx(0.0), pytest.approx(0.3))


def test_poses_that_do_not_compare_make_no_step():
    odometer = Odometer()
    odometer.step(pose(0.0, 0.0))
    assert odometer.step(pose(1.0, 0.0, frame="map")) is None
    assert odometer.step(None) is None
    assert odometer.step(pose(2.0, 0.0)) is None
    assert odometer.step(pose(3.0, 0.0)).distance == pytest.approx(1.0)
    assert odometer.step(pose(math.nan, 0.0)) is None
