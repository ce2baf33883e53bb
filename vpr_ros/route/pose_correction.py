# SPDX-License-Identifier: Apache-2.0
"""Poses of keyframes that a SLAM knows better by now than when they were recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vpr_ros.datatypes import KeyframeRecord, Pose
from vpr_ros.geometry.poses import PoseBuffer


def corrections(
    records: Iterable[KeyframeRecord], path: Sequence[tuple[int, Pose]], max_gap: float
) -> dict[int, Pose]:
    """What a corrected trajectory says of keyframes.

    Args:
        records: the keyframes.
        path: (stamp in nanoseconds, pose) in the order of time.
        max_gap: seconds between two poses that may be interpolated.

    Returns:
        Keyframe id -> pose, of those keyframes that the trajectory covers.
    """
    trajectory = PoseBuffer(max_age=math.inf, max_gap=max_gap)
    for stamp_ns, pose in path:
        trajectory.add(stamp_ns, pose)
    found = ((record, trajectory.at(record.stamp_ns)) for record in records)
    return {record.keyframe_id: pose for record, pose in found if pose is not None}
