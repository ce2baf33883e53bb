# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms behave as the group that they are, and agree with worked cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.poses import angle, checked_pose, distance
from vpr_ros.geometry.transforms import LINK_T_OPTICAL, RigidTransform

number = st.floats(-50.0, 50.0)
turn = st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: math.hypot(*q) > 0.05)
poses = st.builds(lambda p, q: checked_pose(p, q, "map"), st.tuples(number, number, number), turn)


def same(left: Pose, right: Pose) -> bool:
    return distance(left, right) < 1e-9 and angle(left, right) < 1e-6


@given(poses)
def test_a_pose_survives_the_way_there_and_back(pose):
    assert same(RigidTransform.of_pose(pose).as_pose("map"), pose)


@given(poses, poses)
def test_what_was_put_on_top_comes_off_again(left, right):
    a, b = RigidTransform.of_pose(left), RigidTransform.of_pose(right)
    assert same((a @ b @ b.inverse()).as_pose("map"), left)


def test_a_body_in_front_of_one_that_looks_left():
    left = Pose((1.0, 2.0, 0.0), (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)), "map")
    ahead = Pose((3.0, 0.0, 0.5), (0.0, 0.0, 0.0, 1.0), "base")
    moved = (RigidTransform.of_pose(left) @ RigidTransform.of_pose(ahead)).as_pose("map")
    assert moved.position == pytest.approx((1.0, 5.0, 0.5))
    assert moved.orientation == pytest.approx(left.orientation)
    assert moved.frame_id == "map"


def test_no_turn_is_the_unit_matrix():
    still = RigidTransform.of_pose(Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "map"))
    np.testing.assert_array_equal(still.rotation, np.eye(3))


def test_the_optical_frame_is_that_of_rep_103():
    pose = LINK_T_OPTICAL.as_pose("camera_link")
    assert pose.position == (0.0, 0.0, 0.0)
    assert angle(pose, Pose((0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5), "")) == 0.0
