# SPDX-License-Identifier: Apache-2.0
"""Which keyframes a corrected trajectory reaches, and where it puts them."""

import pytest

from vpr_ros.datatypes import KeyframeRecord, Pose
from vpr_ros.route.pose_correction import corrections

S = 10**9


def at(x, frame="map"):
    return Pose((float(x), 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), frame)


def record(number, second):
    return KeyframeRecord(number, "monday", round(second * S), at(-1, "odom"))


def test_keyframes_between_two_poses_are_moved_along():
    path = [(10 * S, at(0)), (12 * S, at(4)), (13 * S, at(5))]
    found = corrections([record(1, 10), record(2, 11.5), record(3, 13)], path, 5.0)
    assert {number: pose.position[0] for number, pose in found.items()} == pytest.approx(
        {1: 0.0, 2: 3.0, 3: 5.0}
    )
    assert {pose.frame_id for pose in found.values()} == {"map"}


def test_keyframes_that_it_does_not_cover_are_left_alone():
    path = [(10 * S, at(0)), (20 * S, at(4)), (21 * S, at(5))]
    records = [record(1, 9.9), record(2, 15), record(3, 20.5), record(4, 21.1)]
    assert list(corrections(records, path, max_gap=5.0)) == [3]


def test_a_long_drive_is_covered_from_its_beginning():
    path = [(second * S, at(second)) for second in range(10_000)]
    found = corrections([record(1, 0.5), record(2, 9_998.5)], path, 5.0)
    assert [pose.position[0] for pose in found.values()] == pytest.approx([0.5, 9998.5])


@pytest.mark.parametrize("path", [[], [(10 * S, at(0))]])
def test_too_short_a_trajectory(path):
    assert corrections([record(1, 5)], path, 5.0) == {}
