# SPDX-License-Identifier: Apache-2.0
"""Wheel odometry: the true motion, seen through wheels of a wrong radius and a drifting gyro."""

from __future__ import annotations

import numpy as np

from vpr_ros.simulation.canvas import Rng
from vpr_ros.simulation.geometry import FloatArray
from vpr_ros.simulation.path import Trajectory

SCALE_ERROR = (0.01, 0.02)
HEADING_WALK = 0.003
"""Standard deviation of the heading after one meter, radians; it grows with the square root."""


def dead_reckoning(truth: Trajectory, rng: Rng) -> Trajectory:
    """The poses that odometry reports, from zero at the start.

    Args:
        truth: Poses in the map frame.
        rng: Source of the errors.
    """
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
