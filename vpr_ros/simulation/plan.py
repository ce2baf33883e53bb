# SPDX-License-Identifier: Apache-2.0
"""The plan of the simulated town, and how a car drives its two laps.

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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpr_ros.errors import ConfigError
from vpr_ros.simulation.canvas import Rng
from vpr_ros.simulation.geometry import FloatArray, unit

Point = tuple[float, float]

SIDEWALK_M = 1.6
PARKING_M = 2.0
START_M = 9.0  # where both laps begin: so far along the first side of the block
STEP_M = 0.05
RADIUS_M = 4.5  # of the curves
EASING_M = 1.5  # over about this length, the steering wheel turns from straight ahead into a curve
SCALE_ERROR = (0.01, 0.02)  # of the wheels' radius; the gyro's heading drifts, too
HEADING_WALK = 0.003  # deviation of the heading after 1 m, radians; grows with the square root


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


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Poses of base_link in the plane."""

    stamps: FloatArray  # [N] seconds since the start of the lap
    positions: FloatArray  # [N, 2] meters in the map frame
    headings: FloatArray  # [N] radians from the x axis, unwrapped

    def __len__(self) -> int:
        return len(self.stamps)


def drive_along(corners: Sequence[Point], left: float, speed: float, rate: float) -> Trajectory:
    """Drive through right-angled corners, `left` meters beside the line that connects them.

    Speed in meters per second, rate in poses per second; a negative offset keeps right.
    """
    line = _eased(_sampled(_rounded(np.asarray(corners, np.float64))))
    heading = _headings(line)
    track = line + left * np.stack([-np.sin(heading), np.cos(heading)], axis=1)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(track, axis=0), axis=1))])
    stamps = np.arange(0.0, float(length[-1]) / speed, 1.0 / rate)
    driven = stamps * speed
    x, y = (np.interp(driven, length, track[:, axis]) for axis in (0, 1))
    return Trajectory(stamps, np.stack([x, y], axis=1), np.interp(driven, length, heading))


def dead_reckoning(truth: Trajectory, rng: Rng) -> Trajectory:
    """The poses that odometry reports, from zero at the start, where the truth is in the map."""
    scale = 1.0 + rng.uniform(*SCALE_ERROR) * rng.choice([-1.0, 1.0])
    ahead, sideways = body_steps(truth).T * scale
    turns = np.diff(truth.headings)
    turns = turns + rng.normal(0.0, HEADING_WALK, len(turns)) * np.sqrt(np.hypot(ahead, sideways))
    headings = np.concatenate([[0.0], np.cumsum(turns)])
    cos, sin = np.cos(headings[:-1]), np.sin(headings[:-1])
    steps = np.stack([ahead * cos - sideways * sin, ahead * sin + sideways * cos], axis=1)
    positions = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return Trajectory(truth.stamps, positions, headings)


def body_steps(track: Trajectory) -> FloatArray:
    """[N - 1, 2] motion from each pose to the next, ahead and to the left of it, meters."""
    steps = np.diff(track.positions, axis=0)
    cos, sin = np.cos(track.headings[:-1]), np.sin(track.headings[:-1])
    ahead = steps[:, 0] * cos + steps[:, 1] * sin
    return np.stack([ahead, steps[:, 1] * cos - steps[:, 0] * sin], axis=1)


def _rounded(corners: FloatArray) -> FloatArray:
    """The corners between the first and the last one, replaced by points on arcs."""
    points = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        into, out = unit(corner - before), unit(after - corner)
        turn = np.linspace(0.0, np.pi / 2, 24)[:, None]
        center = corner + RADIUS_M * (out - into)
        points.extend(center - RADIUS_M * (out * np.cos(turn) - into * np.sin(turn)))
    return np.array([*points, corners[-1]])


def _sampled(corners: FloatArray) -> FloatArray:
    """[M, 2] points every 5 cm along the straight lines between given ones."""
    steps = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    along = np.arange(0.0, float(length[-1]), STEP_M)
    return np.stack([np.interp(along, length, corners[:, axis]) for axis in (0, 1)], axis=1)


def _eased(line: FloatArray) -> FloatArray:
    """The line, averaged twice over a window, so that the turning does not jump."""
    window = round(EASING_M / STEP_M)
    kernel = np.convolve(np.ones(window), np.ones(window)) / window**2
    before = line[:1] - (line[1] - line[0]) * np.arange(window - 1, 0, -1)[:, None]
    after = line[-1:] + (line[-1] - line[-2]) * np.arange(1, window)[:, None]
    padded = np.concatenate([before, line, after])
    columns = [np.convolve(padded[:, axis], kernel, "valid") for axis in (0, 1)]
    return np.stack(columns, axis=1)


def _headings(line: FloatArray) -> FloatArray:
    steps = np.gradient(line, axis=0)
    return np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
