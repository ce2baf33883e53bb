# SPDX-License-Identifier: Apache-2.0
"""Geodesy: against pyproj, and against values that need no library."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.evaluation.ground_truth.geodesy import (
    FLATTENING,
    SEMI_MAJOR,
    Geodetic,
    earth_centered,
    east_north_up,
)


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
