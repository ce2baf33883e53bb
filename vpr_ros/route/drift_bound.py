# SPDX-License-Identifier: Apache-2.0
"""Loop closures that odometry speaks against.

Look-alike streets agree with one pose, too: geometry alone closes loops that are none. Odometry
drifts, but not by more than a part of the way.
"""

from __future__ import annotations

import math

import numpy as np

from vpr_ros.datatypes import KeyframeKey, PoseEstimate
from vpr_ros.geometry.poses import distance
from vpr_ros.place_map.keyframe_table import KeyframeTable

_STANDING = 1.0  # meters by which odometry may be off where nothing was driven
_SIGMAS = 3.0  # of the measured pose, which come on top


def contradiction(
    table: KeyframeTable,
    query: KeyframeKey,
    match: KeyframeKey,
    measured: PoseEstimate,
    max_drift: float,
) -> str:
    """Why a measured pose cannot be where odometry was driven, in words; empty if it can.

    Nothing speaks against a pose in another session, or in another frame than the query's.

    Args:
        table: of the map.
        query: the keyframe that closes the loop.
        match: the keyframe whose place it shows.
        measured: where the robot was at the query.
        max_drift: part of the way driven by which odometry may be off.
    """
    row, other = table.row_of(query), table.row_of(match)
    if row is None or other is None:
        return ""
    driven = table.pose(row)
    is_one_drive = table.are_one_map(row, other) and table.sessions[row] == table.sessions[other]
    if driven is None or not is_one_drive or driven.frame_id != measured.map_T_base.frame_id:
        return ""
    way = _way(table, *sorted((row, other)))
    sigma = math.sqrt(max(float(np.linalg.eigvalsh(measured.covariance[:3, :3])[-1]), 0.0))
    bound = _STANDING + max_drift * way + _SIGMAS * sigma
    off = distance(measured.map_T_base, driven)
    if off <= bound:
        return ""
    return f"it is {off:.1f} m from where odometry is after {way:.0f} m, more than {bound:.1f} m"


def _way(table: KeyframeTable, first: int, last: int) -> float:
    """Meters driven from one keyframe to another, as the keyframes between tell."""
    rows = slice(first, last + 1)
    positions = table.positions[rows][table.frames[rows] == table.frames[last]]
    return float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum())
