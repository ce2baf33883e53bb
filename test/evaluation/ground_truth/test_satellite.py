# SPDX-License-Identifier: Apache-2.0
"""Receivers: geodesy, fixes without a position, and headings of the movement."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.satellite import (
    FLATTENING,
    SEMI_MAJOR,
    Fix,
    Geodetic,
    earth_centered,
    east_north_up,
    fix_of,
    track_of_fixes,
)

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


def geodetic(latitude, longitude, height=0.0):
    return Geodetic(math.radians(latitude), math.radians(longitude), height)


def test_where_the_axes_meet_the_ellipsoid():
    polar = SEMI_MAJOR * (1.0 - FLATTENING)
    assert earth_centered(geodetic(0.0, 0.0, 10.0)) == pytest.approx([SEMI_MAJOR + 10.0, 0.0, 0.0])
    assert earth_centered(geodetic(0.0, 90.0)) == pytest.approx([0.0, SEMI_MAJOR, 0.0], abs=1e-6)
    assert earth_centered(geodetic(-90.0, 0.0)) == pytest.approx([0.0, 0.0, -polar], abs=1e-6)


def test_a_degree_has_its_known_length():
    # Of the meridian at 45 degrees and of the parallel at 60: tables of WGS 84.
    north = east_north_up(geodetic(45.005, 7.0), geodetic(44.995, 7.0))
    assert north == pytest.approx([0.0, 1111.32, -0.1], abs=0.1)
    east = east_north_up(geodetic(60.0, 7.01), geodetic(60.0, 7.0))
    assert east[0] == pytest.approx(558.0, abs=0.1)


@given(
    st.floats(-89.0, 89.0),
    st.floats(-180.0, 180.0),
    st.floats(-0.2, 0.2),
    st.floats(-0.2, 0.2),
    st.floats(-100.0, 3000.0),
)
def test_agrees_with_pyproj(latitude, longitude, north, east, height):
    pyproj = pytest.importorskip("pyproj")
    there = (latitude + north, longitude + east, height)
    centered = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978")
    assert earth_centered(geodetic(*there)) == pytest.approx(centered.transform(*there), abs=1e-6)
    local = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart "
        f"+ellps=WGS84 +step +proj=topocentric +ellps=WGS84 +lon_0={longitude:.17g} "
        f"+lat_0={latitude:.17g} +h_0=0"
    )
    expected = local.transform(there[1], there[0], height)
    assert np.allclose(
        east_north_up(geodetic(*there), geodetic(latitude, longitude)), expected, atol=1e-5
    )
