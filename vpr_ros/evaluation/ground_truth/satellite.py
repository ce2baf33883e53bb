# SPDX-License-Identifier: Apache-2.0
"""Ground truth of sensor_msgs/NavSatFix: positions in a plane, headings of the movement.

WGS 84 as NIMA TR8350.2 (third edition, 2000) defines it in table 3.1; the conversion to Cartesian
coordinates is its equation 4-14, and the turn into the local frame stands in Hofmann-Wellenhof,
Lichtenegger and Wasle, GNSS, 2008, section 8.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.drives.tracks import Track
from vpr_ros.errors import DatasetError
from vpr_ros.geometry.poses import checked_pose

NAVSATFIX_TYPE = "sensor_msgs/msg/NavSatFix"
FRAME = "east_north"

SEMI_MAJOR = 6378137.0  # meters
FLATTENING = 1.0 / 298.257223563
_E2 = FLATTENING * (2.0 - FLATTENING)  # squared eccentricity

_NO_FIX = -1  # sensor_msgs/NavSatStatus
_HEADING_BASE = 2.0  # meters of movement that tell a heading from the noise of the receiver


class Geodetic(NamedTuple):
    """A position on or above the ellipsoid."""

    latitude: float  # radians, north is positive
    longitude: float  # radians, east is positive
    height: float = 0.0  # meters above the ellipsoid


@dataclass(frozen=True)
class Fix:
    """One position."""

    stamp_ns: int
    position: Geodetic


def fix_of(message: Any, stamp_ns: int) -> Fix | None:
    """The position of a NavSatFix, None where the receiver had none.

    Raises:
        DatasetError: a latitude or longitude that the earth does not have.
    """
    latitude, longitude = float(message.latitude), float(message.longitude)
    if int(message.status.status) <= _NO_FIX or math.isnan(latitude) or math.isnan(longitude):
        return None
    if not (abs(latitude) <= 90.0 and abs(longitude) <= 360.0):
        raise DatasetError(f"latitude {latitude}, longitude {longitude}: not on the earth")
    # Heights of receivers without corrections wander by tens of meters: all of the drive is put
    # at the height of the ellipsoid, 1000 m below which lengths are short by 0.02 percent.
    return Fix(stamp_ns, Geodetic(math.radians(latitude), math.radians(longitude)))


def track_of_fixes(fixes: Sequence[Fix], origin: Geodetic) -> Track:
    """Positions of fixes, in the order of time, east and north of an origin; z is 0.

    Two drives are compared with one origin for both. A receiver does not know where the robot
    looks: the heading is that of the movement over a few meters, and that before or after while it
    stands. It is wrong where the robot drives backward.
    """
    offsets = np.array([east_north_up(fix.position, origin) for fix in fixes]).reshape(-1, 3)
    headings = _headings(offsets[:, :2])
    return [
        (fix.stamp_ns, _pose(offset, heading))
        for fix, offset, heading in zip(fixes, offsets, headings, strict=True)
    ]


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


def _pose(offset: NDArray[np.float64], heading: float) -> Pose:
    position = (float(offset[0]), float(offset[1]), 0.0)
    turn = (0.0, 0.0, math.sin(0.5 * heading), math.cos(0.5 * heading))
    return checked_pose(position, turn, FRAME)


def _headings(points: NDArray[np.float64]) -> list[float]:
    """Direction from the last point some meters behind to the first some meters ahead, radians."""
    before = _far_ones(points[::-1])[::-1]
    before = [None if index is None else len(points) - 1 - index for index in before]
    after = _far_ones(points)
    headings: list[float | None] = []
    for index, (back, ahead) in enumerate(zip(before, after, strict=True)):
        start, end = (index if each is None else each for each in (back, ahead))
        east, north = points[end] - points[start]
        headings.append(math.atan2(north, east) if start != end else None)
    known = next((each for each in headings if each is not None), 0.0)
    return [known := known if each is None else each for each in headings]


def _far_ones(points: NDArray[np.float64]) -> list[int | None]:
    """For each point the first later one that is far enough from it, None at the end."""
    found: list[int | None] = []
    ahead = 0
    for index, point in enumerate(points):
        ahead = max(ahead, index)
        while ahead < len(points) and math.dist(points[ahead], point) < _HEADING_BASE:
            ahead += 1
        found.append(ahead if ahead < len(points) else None)
    return found
