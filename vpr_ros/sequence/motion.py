# SPDX-License-Identifier: Apache-2.0
"""How the belief moves along the route while the robot moves, with odometry and without.

Everything here costs a few passes over the cells, however far the robot went: a step whose length
is uncertain is a box filter, taken from the difference of two running sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vpr_ros.config import SequenceConfig
from vpr_ros.datatypes import Pose
from vpr_ros.geometry.poses import angle
from vpr_ros.place_map.keyframe_table import Reals
from vpr_ros.sequence.route import Leg, Route

STILL = 0.02  # meters per image below which a robot stands
_MAX_DIFFUSION = 0.6  # cells^2 that a kernel of three cells can spread
_LONGEST_GAP_S = 60.0  # seconds without images after which the speed tells nothing more


@dataclass(frozen=True)
class OdometryStep:
    """What the odometry says happened between two images."""

    distance: float  # meters, negative when driving backwards
    angle: float  # radians turned


class Odometer:
    """Poses in, steps out."""

    def __init__(self) -> None:
        self._last: Pose | None = None

    def step(self, pose: Pose | None) -> OdometryStep | None:
        """The step from the last pose to this one; None where they do not compare.

        Args:
            pose: ``odom_T_base`` at the image's stamp, x of the base pointing ahead.
        """
        last, self._last = self._last, pose
        if last is None or pose is None or last.frame_id != pose.frame_id:
            return None
        moved = np.subtract(pose.position, last.position)
        ahead = float(moved @ _ahead(last))
        if not math.isfinite(ahead):
            return None
        return OdometryStep(math.copysign(float(np.linalg.norm(moved)), ahead), angle(last, pose))


def _ahead(pose: Pose) -> Reals:
    """The x axis of the base in the pose's frame: the first column of its rotation matrix."""
    x, y, z, w = pose.orientation
    return np.array([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)])


class Motion:
    """Moves belief; remembers what is less than a cell."""

    def __init__(self, config: SequenceConfig) -> None:
        self._config = config
        self._meters = 0.0  # driven, but not yet shifted by
        self._seconds: dict[int, float] = {}  # leg -> passed, but not yet turned into cells
        self._waited = 0.0  # seconds during which the view stayed what it was

    def wait(self, seconds: float) -> None:
        """Let time pass without moving: nothing but the view could tell, and it did not change."""
        self._waited += seconds

    def advance(
        self, belief: Reals, route: Route, step: OdometryStep | None, seconds: float
    ) -> float:
        """Move the belief on by one step, in place.

        Args:
            belief: [2, C] mass in and against the direction of the drives.
            route: the cells.
            step: what odometry says; None leaves it to the speed that the map was made at.
            seconds: since the last image.

        Returns:
            Cells that the robot probably moved.
        """
        shift = self._shift(route, step)
        moved = 0.0
        for number, leg in enumerate(route.legs):
            if step is not None and (leg.has_meters or abs(step.distance) < STILL):
                low, high, spread = shift
            else:
                high = self._reachable(number, leg, seconds)
                low, spread = 0, 0.0
                if step is not None and step.distance < 0.0:
                    low, high = -high, 0
            move(belief[:, leg.cells], low, high)
            diffuse(belief[:, leg.cells], spread)
            moved = max(moved, abs(low + high) / 2)
        self._waited = 0.0
        return moved

    def _shift(self, route: Route, step: OdometryStep | None) -> tuple[int, int, float]:
        """Least and most cells of a step known from odometry, and the variance left, cells^2."""
        if step is None:
            return 0, 0, 0.0
        self._meters += step.distance
        cells = round(self._meters / route.spacing)
        self._meters -= cells * route.spacing
        variance = self._config.drift**2 * abs(step.distance) / route.spacing**2
        # A box of 2 w + 1 cells has the variance w (w + 1) / 3.
        wide = int((math.sqrt(1.0 + 12.0 * variance) - 1.0) / 2.0)
        return cells - wide, cells + wide, variance - wide * (wide + 1) / 3.0

    def _reachable(self, number: int, leg: Leg, seconds: float) -> int:
        """Cells that the robot can have gone on since the last image, by time alone."""
        if leg.speed <= 0.0:
            return 0
        # A slow robot may have crept on while it seemed to wait, by less than a keyframe.
        crept = min(self._waited, 1.0 / leg.speed)
        passed = self._seconds.get(number, 0.0) + crept + min(seconds, _LONGEST_GAP_S)
        fastest = self._config.max_speed * leg.speed
        cells = int(fastest * passed)
        self._seconds[number] = passed - cells / fastest
        return cells


def move(belief: Reals, low: int, high: int) -> None:
    """Shift by an unknown number of cells, all from low to high alike, in place.

    Args:
        belief: [2, C] of one leg; the second row moves the other way. What moves over an end is
            gone.
        low: least number of cells.
        high: most.
    """
    if low == high == 0:
        return
    belief[0] = _boxed(belief[0], low, high)
    belief[1] = _boxed(belief[1], -high, -low)


def diffuse(belief: Reals, variance: float) -> None:
    """Spread over the neighboring cells, in place; no mass is lost."""
    if variance <= 0.0:
        return
    flow = min(variance, _MAX_DIFFUSION) / 2.0 * np.diff(belief, axis=1)
    belief[:, :-1] += flow
    belief[:, 1:] -= flow


def _boxed(cells: Reals, low: int, high: int) -> Reals:
    count = len(cells)
    if low == high:
        moved = np.zeros(count)
        if abs(low) < count:
            moved[max(low, 0) : count + min(low, 0)] = cells[max(-low, 0) : count - max(low, 0)]
        return moved
    sums = np.concatenate([[0.0], np.cumsum(cells)])
    # Rounding may leave a difference below zero.
    inside = np.maximum(_delayed(sums, low - 1) - _delayed(sums, high), 0.0)
    boxed: Reals = inside / (high - low + 1)
    return boxed


def _delayed(sums: Reals, shift: int) -> Reals:
    """Running sums [C + 1] read ``shift`` cells earlier, [C]: zeros before, the total behind."""
    count = len(sums) - 1
    start, stop = min(max(shift, 0), count), min(max(count + 1 + shift, 0), count)
    read = np.empty(count)
    read[:start] = 0.0
    read[start:stop] = sums[start - shift : stop - shift]
    read[stop:] = sums[-1]
    return read
