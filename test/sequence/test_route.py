# SPDX-License-Identifier: Apache-2.0
"""Keyframes at uneven distances on a line of even cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import DECISION, S, along, extend, key, straight

from vpr_ros.config import DecisionConfig
from vpr_ros.datatypes import KeyframeRecord, Pose
from vpr_ros.decision import same_place
from vpr_ros.place_map.keyframe_table import KeyframeTable
from vpr_ros.sequence.route import Route


def route_of(records, spacing=None):
    return Route(KeyframeTable(list(records)), spacing)


def test_even_keyframes_have_a_cell_each():
    route = route_of(straight(20, spacing=0.7).list)
    assert route.spacing == pytest.approx(0.7)
    assert route.cell_of.tolist() == list(range(20))
    assert route.cells == 20


def test_a_dense_bend_and_a_turn_on_the_spot_are_no_longer_than_they_are():
    bend = [(3 + 0.1 * n, 0.0) for n in range(10)]
    points = [(0, 0), (1, 0), (2, 0), *bend, (4, 0), (4, 0), (4, 0), (5, 0), (6, 0), (7, 0)]
    route = route_of(along(points), spacing=1.0)
    assert route.cells == 8
    assert route.cell_of[[0, 2, 3, 13, 14, 15, 18]].tolist() == [0, 2, 3, 4, 4, 4, 7]


def test_a_hole_counts_for_ten_cells_at_most():
    route = route_of(along([(0, 0), (1, 0), (2, 0), (9000, 0), (9001, 0)]))
    assert route.cells == 2 + 10 + 1 + 1


def test_drives_lie_behind_each_other_and_keep_their_kinds():
    first = along([(n, 0) for n in range(5)], "monday", period=0.5)
    second = along([(0, 0)] * 6, "tuesday", first_id=6, poses=False, period=2.0)
    route = route_of([*first, *second])
    assert [leg.cells for leg in route.legs] == [slice(0, 5), slice(5, 11)]
    assert [leg.has_meters for leg in route.legs] == [True, False]
    assert [leg.speed for leg in route.legs] == pytest.approx([2.0, 0.5])


def test_a_pose_that_is_missing_is_no_hole():
    records = straight(9).list
    records[4] = KeyframeRecord(key(5), "monday", records[4].stamp_ns, None)
    assert route_of(records).cell_of.tolist() == list(range(9))


def test_another_frame_goes_on_where_the_last_one_ended():
    first = along([(n, 0) for n in range(5)], frame="odom")
    second = along([(900 + n, 0) for n in range(5)], first_id=6, frame="map")
    assert route_of([*first, *second]).cell_of.tolist() == list(range(10))


def test_a_pause_does_not_slow_the_drive_down():
    records = straight(10).list
    paused = [
        KeyframeRecord(key(10 + n), "monday", (5000 + n) * S, r.pose) for n, r in enumerate(records)
    ]
    (leg,) = route_of([*records, *paused[1:]]).legs
    assert leg.speed == pytest.approx(1.0, rel=0.5)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_keyframes_make_a_route(count):
    route = route_of(straight(count).list)
    assert route.cells == count
    assert route.on_keyframes(np.ones(count)).tolist() == [1.0] * count


POINTS = st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=30)


@given(POINTS, st.booleans())
def test_no_mass_is_lost_between_cells_and_keyframes(points, poses):
    route = route_of(along(points, poses=poses))
    cells = np.random.default_rng(0).random(route.cells)
    assert route.on_keyframes(cells).sum() == pytest.approx(cells.sum())
    masses = np.random.default_rng(1).random(len(points))
    assert route.from_keyframes(masses).sum() == pytest.approx(masses.sum())


WHOLE = st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), min_size=1, max_size=30)


@given(WHOLE, st.lists(st.integers(0, 2), min_size=30, max_size=30), st.integers(0, 40))
def test_places_are_those_of_the_recognizer(points, kinds, radius):
    config = DecisionConfig(place_radius=float(radius), place_seconds=3.0)
    records = [
        KeyframeRecord(key(n + 1), "monday", n * S, _pose(point, kinds[n]))
        for n, point in enumerate(points)
    ]
    table = KeyframeTable(records)
    (rows,) = table.drives
    for number, record in enumerate(records):
        expected = [same_place(record, other, config) for other in records]
        assert table.near(number, rows, config).tolist() == expected


def _pose(point, kind):
    frame = ("odom", "map", None)[kind]
    x, y = map(float, point)
    return Pose((x, y, 0.0), (0.0, 0.0, 0.0, 1.0), frame) if frame else None


def test_keyframes_are_found_by_their_ids():
    table = KeyframeTable(straight(5, first_id=7).list)
    extend(table, straight(3, first_id=20, session="tuesday").list)
    assert [table.row_of(key(number)) for number in (7, 11, 12, 20, 22, 23)] == [
        0,
        4,
        None,
        5,
        7,
        None,
    ]
    assert table.drives == [slice(0, 5), slice(5, 8)]
    assert table.near(1, slice(0, 5), DECISION).all()


steps = st.lists(st.sampled_from([0.0, 0.3, 0.7, 1.0, 1.9, 40.0]), min_size=1, max_size=12)


@given(st.lists(steps, min_size=2, max_size=5), st.sampled_from([None, 0.7, 1.0]))
def test_a_route_that_is_prolonged_is_the_route_that_is_laid_out_anew(parts, spacing):
    first = along([(0.0, 1.0 * n) for n in range(5)], "sunday")
    meters = np.cumsum([0.0, *np.concatenate(parts)])
    records = [*first, *along([(x, 0.0) for x in meters.tolist()], first_id=6)]
    count = len(records) - sum(map(len, parts[1:]))
    table = KeyframeTable(records[:count])
    route = Route(table, spacing)
    for part in parts[1:]:
        extend(table, records[count : count + len(part)])
        count += len(part)
        assert route.prolong()
    anew = Route(KeyframeTable(records), route.spacing)
    assert route.cell_of.tolist() == anew.cell_of.tolist()
    assert route.home_of.tolist() == anew.home_of.tolist()
    for leg, other in zip(route.legs, anew.legs, strict=True):
        assert (leg.cells, leg.rows) == (other.cells, other.rows)
    masses = np.random.default_rng(0).random(route.cells)
    np.testing.assert_array_equal(route.on_keyframes(masses), anew.on_keyframes(masses))


@pytest.mark.parametrize("more", [
    along([(5.0, 0.0)], "tuesday", first_id=6),
    along([(5.0, 0.0)], frame="map", first_id=6),
    along([(5.0, 0.0)], poses=False, first_id=6),
], ids=["another drive", "another frame", "no pose"])  # fmt: skip
def test_what_does_not_simply_go_on_needs_a_new_route(more):
    table = KeyframeTable(list(along([(n, 0.0) for n in range(5)])))
    route = Route(table)
    extend(table, more)
    assert not route.prolong()
    assert len(route.cell_of) == 5
