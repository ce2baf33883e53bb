# SPDX-License-Identifier: Apache-2.0
"""Which keyframes a corrected trajectory reaches, and where it puts them."""

import pytest

from vpr_ros.datatypes import KeyframeKey, KeyframeRecord, Pose
from vpr_ros.place_map import KeyframeTable
from vpr_ros.route.pose_correction import corrections

S = 10**9


def at(x, frame="map"):
    return Pose((float(x), 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), frame)


def corrected(seconds, path, max_gap=5.0):
    """Number of a keyframe -> where the trajectory puts it; they were taken at these seconds."""
    table = KeyframeTable(
        KeyframeRecord(KeyframeKey("map", n), "monday", round(second * S), at(-1, "odom"))
        for n, second in enumerate(seconds, start=1)
    )
    found = corrections(table, "monday", path, max_gap)
    assert set(found.frames) <= {"map"}
    return dict(zip(table.ids[found.rows].tolist(), found.poses[:, 0].tolist(), strict=True))


def test_keyframes_between_two_poses_are_moved_along():
    path = [(10 * S, at(0)), (12 * S, at(4)), (13 * S, at(5))]
    assert corrected([10, 11.5, 13], path) == pytest.approx({1: 0.0, 2: 3.0, 3: 5.0})


def test_keyframes_that_it_does_not_cover_are_left_alone():
    path = [(10 * S, at(0)), (20 * S, at(4)), (21 * S, at(5))]
    assert list(corrected([9.9, 15, 20.5, 21.1], path)) == [3]


def test_other_drives_are_left_alone():
    records = [
        KeyframeRecord(KeyframeKey("map", n), name, n * S, at(-1, "odom"))
        for n, name in enumerate(["monday", "tuesday", "monday"], start=1)
    ]
    path = [(second * S, at(second)) for second in range(5)]
    assert corrections(KeyframeTable(records), "monday", path, 5.0).rows.tolist() == [0, 2]


def test_a_long_drive_is_covered_from_its_beginning():
    path = [(second * S, at(second)) for second in range(10_000)]
    assert list(corrected([0.5, 9_998.5], path).values()) == pytest.approx([0.5, 9998.5])


@pytest.mark.parametrize("path", [[], [(10 * S, at(0))]])
def test_too_short_a_trajectory(path):
    assert corrected([5], path) == {}
