# SPDX-License-Identifier: Apache-2.0
"""Positions of satellite receivers as meters east and north of an origin.

WGS 84 as NIMA TR8350.2 (third edition, 2000) defines it in table 3.1; the conversion to Cartesian
coordinates is its equation 4-14, and the turn into the local frame stands in Hofmann-Wellenhof,
Lichtenegger and Wasle, GNSS, 2008, section 8.2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SEMI_MAJOR = 6378137.0  # meters
FLATTENING = 1.0 / 298.257223563
_E2 = FLATTENING * (2.0 - FLATTENING)  # squared eccentricity


class Geodetic(NamedTuple):
    """A position on or above the ellipsoid."""

    latitude: float  # radians, north is positive
    longitude: float  # radians, east is positive
    height: float = 0.0  # meters above the ellipsoid


def earth_centered(position: Geodetic) -> NDArray[np.float64]:
    """Earth-centered, earth-fixed coordinates [3], meters."""
    sin, cos = math.sin(position.latitude), math.cos(position.latitude)
    radius = SEMI_MAJOR / math.sqrt(1.0 - _E2 * sin * sin)  # of the prime vertical
    across = (radius + position.height) * cos
    return np.array(
        [
            across * math.cos(position.longitude),
            across * math.sin(position.longitude),
            (radius * (1.0 - _E2) + position.height) * sin,
        ]
    )


def east_north_up(position: Geodetic, origin: Geodetic) -> NDArray[np.float64]:
    """East, north and up [3] from an origin, meters, in the plane that touches the earth there.

    At a distance of d the plane's horizontal lengths fall short by about d^3 / (6 R^2): 4 mm at
    10 km, 4 m at 100 km.
    """
    sin_lat, cos_lat = math.sin(origin.latitude), math.cos(origin.latitude)
    sin_lon, cos_lon = math.sin(origin.longitude), math.cos(origin.longitude)
    turn = np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )
    offset: NDArray[np.float64] = turn @ (earth_centered(position) - earth_centered(origin))
    return offset
