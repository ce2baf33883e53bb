# SPDX-License-Identifier: Apache-2.0
"""Which keyframes of a drive saw a place from elsewhere."""

import math

import pytest

from vpr_ros.datatypes import KeyframeKey, KeyframeRecord, Pose
from vpr_ros.geometry.transforms import LINK_T_OPTICAL
from vpr_ros.place_map.keyframe_table import KeyframeTable
from vpr_ros.route.neighbors import neighbors


def record(number, x, yaw=0.0, session="monday", camera="", frame="odom"):
    turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
    pose = None if x is None else Pose((x, 0.0, 0.0), turn, frame)
    return KeyframeRecord(KeyframeKey("m", number), session, number, pose, camera)


def ids(records, row):
    table = KeyframeTable(records)
    return sorted(each.key.id for each in neighbors(table, row, LINK_T_OPTICAL))


def test_two_before_and_two_behind():
    assert ids([record(n, float(n)) for n in range(12)], 5) == [3, 4, 6, 7]


def test_the_ends_of_a_drive_have_fewer():
    assert ids([record(n, float(n)) for n in range(12)], 0) == [1, 2]


def test_where_the_robot_crept_others_are_passed_over():
    assert ids([record(n, 0.1 * n) for n in range(30)], 15) == [9, 12, 18, 21]


def test_other_drives_cameras_frames_and_keyframes_without_poses_are_none():
    drive = [record(n, float(n)) for n in range(7)]
    drive[2] = record(2, 2.0, camera="rear")
    drive[4] = record(4, 4.0, frame="map")
    drive[5] = record(5, None)
    other = [record(n, float(n) - 4.0, session="tuesday") for n in range(7, 9)]
    assert ids([*drive, *other], 3) == [0, 1, 6]


def test_those_that_look_elsewhere_or_are_far_away_are_none():
    drive = [record(n, float(n), yaw=0.3 * n) for n in range(9)]
    assert ids(drive, 4) == [2, 3, 5, 6]
    assert ids([record(n, 5.0 * n) for n in range(9)], 4) == [3, 5]


@pytest.mark.parametrize("x", [None, 0.0])
def test_a_robot_without_poses_or_motion_has_none(x):
    assert ids([record(n, x) for n in range(9)], 4) == []
