# SPDX-License-Identifier: Apache-2.0
"""A loop is closed only where odometry, with all its drift, can have brought the robot."""

import numpy as np
import pytest

from vpr_ros.datatypes import KeyframeKey, Pose, PoseEstimate
from vpr_ros.place_map.keyframe_table import NO_FRAME, Columns, KeyframeTable
from vpr_ros.route.drift_bound import contradiction

COUNT, STEP = 101, 2.0  # keyframes of a drive of 200 m
LAST = KeyframeKey("map", COUNT)
FIRST = KeyframeKey("map", 1)


def table(sessions=None, frames=None):
    """A drive straight ahead."""
    numbers = np.arange(COUNT)
    poses = np.zeros((COUNT, 7))
    poses[:, 0], poses[:, 6] = STEP * numbers, 1.0
    nothing = np.zeros(COUNT, np.int64)
    made = KeyframeTable()
    made.append(
        "map",
        Columns(
            numbers + 1,
            numbers * 10**9,
            nothing if sessions is None else sessions,
            nothing if frames is None else frames,
            nothing,
            poses,
            ["one", "other"],
            ["odom", "else"],
            [""],
        ),
    )
    return made


def measured(x, sigma=0.05, frame="odom"):
    pose = Pose((x, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), frame)
    covariance = np.eye(6, dtype=np.float32) * sigma**2
    return PoseEstimate(pose, covariance, 30, (FIRST,))


def asked(x, max_drift=0.1, match=FIRST, of=None, **options):
    return contradiction(of or table(), LAST, match, measured(x, **options), max_drift)


@pytest.mark.parametrize("off", [0.0, 20.0, -20.0])
def test_drift_of_a_tenth_of_the_way_is_believed(off):
    assert asked(200.0 + off) == ""


@pytest.mark.parametrize("off", [22.0, -22.0])
def test_more_is_not_and_says_by_how_much(off):
    assert asked(200.0 + off) == (
        "it is 22.0 m from where odometry is after 200 m, more than 21.1 m"
    )


def test_the_bound_grows_with_the_way_and_with_doubt():
    near = KeyframeKey("map", COUNT - 5)
    assert "after 10 m" in asked(203.0, match=near)
    assert asked(203.0, match=near, sigma=0.5) == ""
    assert asked(203.0, match=near, max_drift=0.3) == ""


def test_what_odometry_cannot_tell_is_not_held_against_a_loop():
    halves = np.repeat([0, 1], [50, COUNT - 50])
    assert asked(0.0) != ""
    assert asked(0.0, of=table(sessions=halves)) == ""
    assert asked(0.0, frame="map") == ""
    assert asked(0.0, of=table(frames=np.full(COUNT, NO_FRAME))) == ""
    assert asked(0.0, match=KeyframeKey("another", 1)) == ""
