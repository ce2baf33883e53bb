# SPDX-License-Identifier: Apache-2.0
"""Receivers: fixes without a position, and headings of the movement."""

import math
from types import SimpleNamespace

import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.geodesy import Geodetic
from vpr_ros.evaluation.ground_truth.satellite import Fix, fix_of, track_of_fixes

ORIGIN = Geodetic(math.radians(48.0), math.radians(11.0))
EARTH = 6.37e6  # meters; near enough to make fixes that are some meters apart


def fix(number, east, north):
    latitude = ORIGIN.latitude + north / EARTH
    longitude = ORIGIN.longitude + east / (EARTH * math.cos(ORIGIN.latitude))
    return Fix(number, Geodetic(latitude, longitude))


def headings(*points):
    track = track_of_fixes([fix(n, *point) for n, point in enumerate(points)], ORIGIN)
    turns = [pose.orientation for _, pose in track]
    return [round(math.degrees(2.0 * math.atan2(turn[2], turn[3]))) for turn in turns]


def message(latitude, longitude, status=0):
    state = SimpleNamespace(status=status)
    return SimpleNamespace(latitude=latitude, longitude=longitude, status=state)


def test_positions_lie_in_the_plane():
    ((stamp_ns, pose),) = track_of_fixes([fix(7, 30.0, -40.0)], ORIGIN)
    assert stamp_ns == 7
    assert pose.position == pytest.approx((30.0, -40.0, 0.0), rel=0.01)
    assert pose.frame_id == "east_north"


def test_headings_are_those_of_the_movement():
    assert headings((0, 0), (5, 0), (10, 0)) == [0, 0, 0]
    assert headings((0, 0), (0, 5), (0, 10), (-5, 10), (-10, 10)) == [90, 90, 135, 180, 180]


def test_noise_at_a_stop_turns_nobody():
    stop = [(20.0 + 0.3 * (n % 2), 0.3 * (n % 3)) for n in range(10)]
    turned = headings((0, 0), (10, 0), *stop, (30, 0), (40, 0))
    assert max(map(abs, turned)) < 10


def test_nobody_moves():
    assert headings((0, 0), (0.1, 0.1), (0, 0)) == [0, 0, 0]


def test_messages():
    assert fix_of(message(48.0, 11.0), 3) == Fix(3, ORIGIN)
    assert fix_of(message(48.0, 11.0, status=-1), 3) is None
    assert fix_of(message(math.nan, 11.0), 3) is None
    with pytest.raises(DatasetError, match=r"latitude 123.0, longitude 11.0: not on the earth"):
        fix_of(message(123.0, 11.0), 3)
