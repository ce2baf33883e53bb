# SPDX-License-Identifier: Apache-2.0
"""Keyframes as columns: what goes in comes out, in one map and in several."""

import numpy as np
import pytest

from vpr_ros.datatypes import KeyframeKey, KeyframeRecord, Pose
from vpr_ros.place_map.keyframe_table import NO_FRAME, KeyframeTable

UPRIGHT = (0.0, 0.0, 0.0, 1.0)


def record(number, of="a", session="monday", frame="odom", camera="", name=""):
    pose = Pose((float(number), 2.0, 3.0), UPRIGHT, frame) if frame else None
    return KeyframeRecord(KeyframeKey(of, number), session, 10 * number, pose, camera, name)


MIXED = [
    record(1),
    record(2, frame=""),
    record(5, session="tuesday", frame="map", camera="rear"),
    record(1, of="b", name="kitchen"),
    record(3, of="b", frame="map", name="kitchen"),
]


def test_records_come_back():
    table = KeyframeTable(MIXED)
    assert table.records() == MIXED
    assert table.records([4, 0]) == [MIXED[4], MIXED[0]]
    assert table.keys(range(5)) == [each.key for each in MIXED]
    assert table.frames[1] == NO_FRAME
    assert np.isnan(table.positions[1]).all()
    assert table.stamps_ns.tolist() == [10, 20, 50, 10, 30]


def test_drives_of_one_name_in_two_maps_are_two():
    table = KeyframeTable(MIXED)
    assert table.drives == [slice(0, 2), slice(2, 3), slice(3, 5)]
    assert len(set(table.sessions[[0, 3]].tolist())) == 2
    assert table.frames[0] == table.frames[3], "frames of one name are one"


def test_rows_are_found_by_keys():
    table = KeyframeTable(MIXED)
    assert [table.row_of(each.key) for each in MIXED] == [0, 1, 2, 3, 4]
    unknown = [KeyframeKey("a", 3), KeyframeKey("c", 1), KeyframeKey("b", 9)]
    assert [table.row_of(key) for key in unknown] == [None] * 3
    assert table.rows_of([MIXED[4].key, *unknown, MIXED[0].key]).tolist() == [4, 0]


def test_some_rows_are_a_table_of_their_own():
    table = KeyframeTable(MIXED)
    fewer = table.taken(np.array([0, 2, 4]))
    assert fewer.records() == [MIXED[0], MIXED[2], MIXED[4]]
    assert table.rows_in(fewer).tolist() == [0, -1, 1, -1, 2]
    assert fewer.rows_in(table).tolist() == [0, 2, 4]


def test_other_poses_are_another_table():
    table = KeyframeTable(MIXED)
    values = np.array([[7.0, 8.0, 9.0, *UPRIGHT], [1.0, 1.0, 1.0, *UPRIGHT]])
    moved = table.with_poses(np.array([1, 4]), values, ["map", "utm"])
    assert moved.pose(1) == Pose((7.0, 8.0, 9.0), UPRIGHT, "map")
    assert moved.pose(4) == Pose((1.0, 1.0, 1.0), UPRIGHT, "utm")
    assert [moved.record(row) for row in (0, 2, 3)] == [MIXED[0], MIXED[2], MIXED[3]]
    assert table.records() == MIXED


def test_a_snapshot_stays_while_the_table_grows():
    table = KeyframeTable(MIXED[:2])
    before = table.snapshot()
    for number in range(6, 300):
        table.append("a", KeyframeTable([record(number)]).columns())
    assert before.records() == MIXED[:2]
    assert before.drives == [slice(0, 2)]
    assert len(table) == 296
    assert table.record(200) == record(204)


def test_a_map_that_does_not_end_the_table_cannot_grow():
    table = KeyframeTable(MIXED)
    with pytest.raises(ValueError, match="does not end the table"):
        table.append("a", KeyframeTable([record(9)]).columns())


def test_positions_of_one_axis_lie_side_by_side():
    positions = KeyframeTable(MIXED).positions
    assert positions[:, 0].strides == (8,)
