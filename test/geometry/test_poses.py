# SPDX-License-Identifier: Apache-2.0
"""Poses are normalized, interpolated on the shorter way, and never guessed."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.poses import (
    PoseError,
    angle,
    checked_pose,
    distance,
    interpolated,
)

S = 10**9
FINITE = st.floats(-1e6, 1e6)
ANY = st.floats(allow_nan=True, allow_infinity=True)
YAWS = st.floats(-math.pi, math.pi)


def facing(yaw, x=0.0, frame="odom", sign=1):
    """A pose that looks along yaw; sign -1 says the same rotation by the other quaternion."""
    half = yaw / 2
    return Pose((x, 0.0, 0.0), (0.0, 0.0, sign * math.sin(half), sign * math.cos(half)), frame)


@st.composite
def poses(draw):
    quaternion = draw(st.tuples(*[st.floats(-1, 1)] * 4))
    assume(math.hypot(*quaternion) > 1e-3)
    return checked_pose(draw(st.tuples(FINITE, FINITE, FINITE)), quaternion, "odom")


@given(st.tuples(ANY, ANY, ANY), st.tuples(ANY, ANY, ANY, ANY))
def test_any_numbers_give_a_unit_quaternion_or_a_pose_error(position, orientation):
    try:
        pose = checked_pose(position, orientation, "odom")
    except PoseError:
        return
    assert all(map(math.isfinite, pose.position))
    assert math.hypot(*pose.orientation) == pytest.approx(1.0)


@given(poses(), st.floats(1e-3, 1e3))
def test_the_length_of_a_quaternion_means_nothing(pose, length):
    scaled = tuple(length * value for value in pose.orientation)
    again = checked_pose(pose.position, scaled, "odom")
    assert again.orientation == pytest.approx(pose.orientation)


@pytest.mark.parametrize("orientation", [(0.0, 0.0, 0.0, 0.0), (1e-9, 0.0, 0.0, 0.0)])
def test_a_zero_quaternion_is_refused_with_its_frame(orientation):
    with pytest.raises(PoseError, match=r"'odom'.*zero quaternion"):
        checked_pose((0.0, 0.0, 0.0), orientation, "odom")


def test_even_a_huge_quaternion_is_normalized():
    assert checked_pose((0.0, 0.0, 0.0), (0.0, 0.0, 3e200, 4e200), "odom").orientation == (
        pytest.approx((0.0, 0.0, 0.6, 0.8))
    )


def test_a_quaternion_too_long_for_a_float_is_refused():
    with pytest.raises(PoseError, match="too long"):
        checked_pose((0.0, 0.0, 0.0), (1.7e308, 1.7e308, 1.7e308, 1.7e308), "odom")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_with_its_frame(bad):
    with pytest.raises(PoseError, match="'odom' is not finite"):
        checked_pose((0.0, bad, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
    with pytest.raises(PoseError, match="'odom' is not finite"):
        checked_pose((0.0, 0.0, 0.0), (0.0, 0.0, bad, 1.0), "odom")


@given(poses(), poses())
def test_angles_are_symmetric_and_between_zero_and_pi(left, right):
    assert 0.0 <= angle(left, right) <= math.pi
    assert angle(left, right) == angle(right, left)


@given(YAWS, YAWS)
def test_angle_is_the_smaller_turn_whichever_quaternion_says_it(left, right):
    turn = abs(math.remainder(left - right, math.tau))
    assert angle(facing(left), facing(right)) == pytest.approx(turn, abs=1e-6)
    assert angle(facing(left), facing(right, sign=-1)) == pytest.approx(turn, abs=1e-6)


def test_distance_is_in_three_dimensions():
    left = checked_pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
    right = checked_pose((2.0, 3.0, 6.0), (0.0, 0.0, 0.0, 1.0), "odom")
    assert distance(left, right) == 7.0


@given(poses(), poses(), st.floats(0.0, 1.0))
def test_between_two_poses_position_is_linear_and_the_turn_proportional(before, after, fraction):
    turn = angle(before, after)
    assume(turn < math.pi - 1e-3)  # half a turn has two shortest ways
    middle = interpolated(before, after, fraction)
    p0, p1 = np.array(before.position), np.array(after.position)
    assert middle.position == pytest.approx(tuple(p0 + fraction * (p1 - p0)), abs=1e-6)
    assert angle(before, middle) == pytest.approx(fraction * turn, abs=1e-5)
    assert angle(middle, after) == pytest.approx((1 - fraction) * turn, abs=1e-5)


def test_interpolation_goes_the_short_way_through_south():
    south = interpolated(facing(math.radians(170)), facing(math.radians(-170)), 0.5)
    assert angle(south, facing(math.pi)) == pytest.approx(0.0, abs=1e-6)


@given(YAWS, YAWS, st.floats(0.0, 1.0))
def test_q_and_minus_q_interpolate_alike(left, right, fraction):
    assume(abs(math.remainder(left - right, math.tau)) < math.pi - 1e-3)
    one = interpolated(facing(left), facing(right), fraction)
    other = interpolated(facing(left), facing(right, sign=-1), fraction)
    assert angle(one, other) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("turn", [0.0, 1e-9, 1e-7, 1e-6, 2e-6, 3e-6, 1e-4])
def test_hardly_any_turn_interpolates_too(turn):
    middle = interpolated(facing(0.3), facing(0.3 + turn), 0.5)
    assert math.hypot(*middle.orientation) == pytest.approx(1.0)
