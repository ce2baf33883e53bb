# SPDX-License-Identifier: Apache-2.0
"""Where frames are that hang on each other and never move."""

import math

import numpy as np
import pytest

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.transforms import FixedFrames, RigidTransform

HALF = math.sqrt(0.5)
AHEAD, LEFT = (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, HALF, HALF)


def placed(x, y=0.0, orientation=AHEAD):
    return RigidTransform.of_pose(Pose((x, y, 0.0), orientation, ""))


@pytest.fixture
def robot():
    """A mast on the base with a camera that looks left, and a wheel."""
    frames = FixedFrames()
    frames.add("mast", "camera", placed(0.5, orientation=LEFT))
    frames.add("base", "mast", placed(0.0, 1.0))
    frames.add("base", "wheel", placed(-1.0))
    return frames


def test_a_chain_is_multiplied_up(robot):
    pose = robot.between("base", "camera").as_pose("base")
    assert pose.position == pytest.approx((0.5, 1.0, 0.0))
    assert pose.orientation == pytest.approx(LEFT)


def test_either_end_may_be_the_lower_one(robot):
    there, back = robot.between("wheel", "camera"), robot.between("camera", "wheel")
    assert there.as_pose("").position == pytest.approx((1.5, 1.0, 0.0))
    np.testing.assert_allclose((there @ back).translation, np.zeros(3), atol=1e-12)


def test_frames_that_nothing_joins_are_not_guessed(robot):
    robot.add("map", "dock", placed(1.0))
    assert robot.between("base", "dock") is None
    assert robot.between("base", "nowhere") is None


def test_the_base_is_no_camera(robot):
    assert robot.camera_on("base", "camera").translation[0] == 0.5
    assert robot.camera_on("base", "/base") is None


def test_the_slash_of_ros_1_is_no_part_of_a_name(robot):
    robot.add("/base", "/rear", placed(-2.0))
    assert robot.between("/base", "rear").as_pose("").position == (-2.0, 0.0, 0.0)


def test_what_is_told_last_counts(robot):
    robot.add("base", "mast", placed(0.0, 3.0))
    assert robot.between("base", "camera").as_pose("").position == pytest.approx((0.5, 3.0, 0.0))
    robot.add("wheel", "mast", placed(0.0))
    assert robot.between("base", "mast").as_pose("").position == (-1.0, 0.0, 0.0)
