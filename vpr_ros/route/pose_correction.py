# SPDX-License-Identifier: Apache-2.0
"""Poses of keyframes that a SLAM knows better by now than when they were recorded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.poses import PosePath
from vpr_ros.place_map import CorrectedPoses, KeyframeTable


def corrections(
    table: KeyframeTable, session: str, path: Sequence[tuple[int, Pose]], max_gap: float
) -> CorrectedPoses:
    """What a corrected trajectory says of the keyframes of one drive.

    Args:
        table: the keyframes of the map.
        session: the drive.
        path: (stamp in nanoseconds, pose) in the order of time.
        max_gap: seconds between two poses that may be interpolated.

    Returns:
        The poses of those keyframes that the trajectory covers.
    """
    rows = table.rows_of_session(session)
    trajectory = PosePath(path, max_gap)
    poses = trajectory.at(table.stamps_ns[rows])
    covered = np.flatnonzero(~np.isnan(poses[:, 0]))
    return CorrectedPoses(rows[covered], poses[covered], [trajectory.frame_id] * len(covered))
