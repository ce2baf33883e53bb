# SPDX-License-Identifier: Apache-2.0
"""Where drives meet, and how mass goes over from one to the other."""

import numpy as np
import pytest
from simulated import along, straight

from vpr_ros.place_map.keyframe_table import KeyframeTable
from vpr_ros.sequence.crossings import find_crossings
from vpr_ros.sequence.route import Route


def meetings(*drives):
    records = [record for drive in drives for record in drive]
    route = Route(KeyframeTable(records))
    return route, find_crossings(route)


def test_a_straight_drive_meets_nothing():
    _, crossings = meetings(straight(100).list)
    assert len(crossings.origins) == 0
    crossings.exchange(np.ones((2, 100)), 0.5)


def test_drives_without_poses_meet_nothing():
    assert len(meetings(straight(50, poses=False).list)[1].origins) == 0
    assert len(meetings([])[1].origins) == 0


def test_a_street_driven_twice_is_linked_all_along_in_the_same_direction():
    there = along([(n, 0.1) for n in range(60)], "monday")
    again = along([(n, 0.4) for n in range(60)], "tuesday", first_id=61)
    _, crossings = meetings(there, again)
    distances = np.abs(crossings.origins - crossings.targets)
    assert np.all(np.abs(distances - 60) <= 2)
    assert len(set(crossings.origins.tolist())) > 60
    assert crossings.turned.max() < 0.01


def test_the_way_back_is_linked_against_its_direction():
    points = [(n, 0.1) for n in range(40)] + [(39.0 - n, 0.4) for n in range(40)]
    _, crossings = meetings(along(points))
    assert len(crossings.origins) > 30
    assert np.median(crossings.turned) > 0.99


def test_frames_of_other_names_never_meet():
    there = along([(n, 0.1) for n in range(30)], "monday", frame="odom")
    again = along([(n, 0.4) for n in range(30)], "tuesday", first_id=31, frame="map")
    assert len(meetings(there, again)[1].origins) == 0


def test_crossing_streets_meet_where_they_cross_and_leave_both_directions_open():
    east = along([(n, 0.3) for n in range(-20, 20)], "monday")
    north = along([(0.3, n) for n in range(-20, 20)], "tuesday", first_id=41)
    _, crossings = meetings(east, north)
    assert set(np.concatenate([crossings.origins, crossings.targets]).tolist()) <= {
        *range(17, 24),
        *range(57, 64),
    }
    np.testing.assert_allclose(crossings.turned, 0.5)


def test_exchange_keeps_the_mass_and_turns_it_with_the_street():
    points = [(n, 0.1) for n in range(40)] + [(39.0 - n, 0.4) for n in range(40)]
    route, crossings = meetings(along(points))
    belief = np.zeros((2, route.cells))
    belief[0, 10] = 1.0
    for _ in range(3):
        crossings.exchange(belief, 0.2)
    assert belief.sum() == pytest.approx(1.0)
    assert belief[1, 60:].sum() > 0.2
    assert belief[0, 60:].sum() < 0.01
    assert (belief >= 0.0).all()
