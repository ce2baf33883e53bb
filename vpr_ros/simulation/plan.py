# SPDX-License-Identifier: Apache-2.0
"""The plan of the simulated town: center lines of streets, house fronts and the two laps.

Seen from above:

    +-----------------------+
    |                       |        map frame: x to the right, y up (REP-103)
    |        block          |
    |                       |        lap one: around the block, counter-clockwise
    +----------->-----------+-----+  lap two: the same, but at this corner it turns right,
       start (0, 0) side    |     |  goes around the small block and comes back
                            +-----+
"""

from __future__ import annotations

from dataclasses import dataclass

from vpr_ros.errors import ConfigError

Point = tuple[float, float]

SIDEWALK_M = 1.6
PARKING_M = 2.0
START_M = 9.0
"""Where both laps begin: so far along the first side of the block."""


@dataclass(frozen=True)
class TownPlan:
    """Where the streets run; all numbers in meters."""

    length: float = 64.0  # distance between the center lines of the block's two short streets
    width: float = 38.0  # distance between the center lines of the block's two long streets
    detour: float = 21.0  # side of the square of streets that only lap two visits
    half_street: float = 6.0  # half the distance between the house fronts of a street

    def __post_init__(self) -> None:
        """Raises ConfigError where a block would be thinner than 4 m, too thin for houses."""
        thinnest = min(self.length, self.width, self.detour) - 2 * self.half_street
        if thinnest < 4.0:
            raise ConfigError(
                f"a block of this town would be {thinnest:g} m thick; "
                "make the streets narrower or the sides at least 4 m longer"
            )

    def streets(self) -> list[tuple[Point, Point]]:
        """The center lines, each as (start, end)."""
        x, y, d = self.length, self.width, self.detour
        block = [(0.0, 0.0), (x, 0.0), (x, y), (0.0, y)]
        small = [(x, 0.0), (x, -d), (x + d, -d), (x + d, 0.0)]
        return _edges(block) + _edges(small)

    def fronts(self) -> list[tuple[Point, Point]]:
        """The lines on which houses stand; walking along one, its street lies to the right."""
        x, y, d, h = self.length, self.width, self.detour, self.half_street
        block = [(h, h), (x - h, h), (x - h, y - h), (h, y - h)]
        small = [(x + h, h - d), (x + d - h, h - d), (x + d - h, -h), (x + h, -h)]
        outside = [(-h, -h), (-h, y + h), (x + h, y + h), (x + h, h)]
        outside += [(x + d + h, h), (x + d + h, -d - h), (x - h, -d - h), (x - h, -h)]
        return _edges(block) + _edges(small) + _edges(outside)

    def map_lap(self) -> list[Point]:
        """The corners of lap one, from the start to the start."""
        x, y = self.length, self.width
        start = (START_M, 0.0)
        return [start, (x, 0.0), (x, y), (0.0, y), (0.0, 0.0), start]

    def query_lap(self) -> list[Point]:
        """The corners of lap two, with the detour at the first corner."""
        x, d = self.length, self.detour
        corner, *rest = self.map_lap()[1:]
        detour = [corner, (x, -d), (x + d, -d), (x + d, 0.0), corner]
        return [(START_M, 0.0), *detour, *rest]

    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) of everything between the outermost house fronts."""
        h = self.half_street
        return -h, -self.detour - h, self.length + self.detour + h, self.width + h


def _edges(corners: list[Point]) -> list[tuple[Point, Point]]:
    return list(zip(corners, corners[1:] + corners[:1], strict=True))
