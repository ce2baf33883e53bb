# SPDX-License-Identifier: Apache-2.0
"""Poses of keyframes that somebody knows better by now, and which of them are any different."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpr_ros.place_map.keyframe_table import KeyframeTable, Numbers, Reals

_SAME_METERS = 1e-6
_SAME_RADIANS = 1e-6


@dataclass(frozen=True)
class CorrectedPoses:
    """New poses of M keyframes."""

    rows: Numbers  # [M] of the map's table
    poses: Reals  # [M, 7] position in meters, quaternion x, y, z, w
    frames: Sequence[str]  # [M] what they are given in

    def taken(self, which: Numbers) -> CorrectedPoses:
        """Some of them, by their places in this list."""
        frames = [self.frames[number] for number in which.tolist()]
        return CorrectedPoses(self.rows[which], self.poses[which], frames)


def differing(table: KeyframeTable, corrected: CorrectedPoses) -> Numbers:
    """Places in the list of those that say another thing than the table does."""
    rows, poses = corrected.rows, corrected.poses
    moved = np.linalg.norm(poses[:, :3] - table.positions[rows], axis=1)
    # A rotation has two quaternions; a small angle is twice the distance of the nearer ones.
    old, new = table.orientations[rows], poses[:, 3:]
    chord = np.minimum(np.linalg.norm(new - old, axis=1), np.linalg.norm(new + old, axis=1))
    same = (moved <= _SAME_METERS) & (2.0 * chord <= _SAME_RADIANS)  # NaN is not the same
    renamed = table.frame_numbers(corrected.frames) != table.frames[rows]
    return np.flatnonzero(~same | renamed)
