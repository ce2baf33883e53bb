# SPDX-License-Identifier: Apache-2.0
"""Where a match and a stack put the robot at one time, and whether they can both be right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.poses import PoseError

_SIGMAS = 3.0  # standard deviations that an estimate is trusted to lie within


@dataclass(frozen=True)
class UncertainPose:
    """Where somebody puts the robot at a stamp."""

    stamp_ns: int
    pose: Pose
    position_sigma: float  # meters, the larger one of x and y
    heading_sigma: float  # radians

    @classmethod
    def of(cls, stamp_ns: int, pose: Pose, variances: Sequence[float]) -> UncertainPose:
        """With variances of x, y, z (m^2) and of the rotations about X, Y, Z (rad^2).

        Raises:
            PoseError: one of x, y or the heading cannot be.
        """
        x, y, heading = variances[0], variances[1], variances[5]
        if not all(math.isfinite(variance) and variance >= 0.0 for variance in (x, y, heading)):
            raise PoseError(f"variances of a pose in {pose.frame_id!r}: {x}, {y} and {heading}")
        return cls(stamp_ns, pose, math.sqrt(max(x, y)), math.sqrt(heading))


@dataclass(frozen=True)
class PosePair:
    """A match, and what the stack said at the same time."""

    match: UncertainPose
    stack: UncertainPose
    place: float  # meters that a match may be from the robot

    @property
    def meters(self) -> float:
        """How far they are apart on the ground."""
        return level_distance(self.match.pose, self.stack.pose)

    @property
    def radians(self) -> float:
        """How differently they look, 0 to pi."""
        turn = _heading(self.match.pose) - _heading(self.stack.pose)
        return abs(math.remainder(turn, math.tau))

    @property
    def agrees(self) -> bool:
        """Whether the stack's pose is in the matched place and looks its way, for all it knows."""
        reach = self.place + _SIGMAS * self.stack.position_sigma
        turn = _SIGMAS * math.hypot(self.match.heading_sigma, self.stack.heading_sigma)
        return self.meters <= reach and self.radians <= turn

    @property
    def settled(self) -> bool:
        """Whether the stack is surer of its pose than one that was only sent that of a place."""
        return self.stack.position_sigma <= self.place / 4.0

    def bears_out(self, other: PosePair) -> bool:
        """Whether the matches are as far from each other as the robot drove in between.

        A stack that is at a wrong place still knows by odometry how far it came.
        """
        driven = level_distance(self.stack.pose, other.stack.pose)
        return level_distance(self.match.pose, other.match.pose) <= driven + 2.0 * self.place


def level_distance(one: Pose, other: Pose) -> float:
    """Meters on the ground, the only ones that these stacks know of."""
    return math.dist(one.position[:2], other.position[:2])


def _heading(pose: Pose) -> float:
    """Radians about Z from the frame's X axis to the robot's."""
    x, y, z, w = pose.orientation
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
