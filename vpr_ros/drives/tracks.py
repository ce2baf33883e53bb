# SPDX-License-Identifier: Apache-2.0
"""A trajectory as recorded: stamped poses, looked up at the stamps of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.pose_buffer import PoseBuffer

Track = Sequence[tuple[int, Pose]]  # (stamp in nanoseconds, pose)

MAX_GAP_S = 1.0
STRETCH_S = 5.0  # seconds of a drive whose images are right or wrong together
_FOREVER_S = 3e9  # about a century: a recorded trajectory forgets nothing


def pose_buffer(track: Track, max_gap: float = MAX_GAP_S) -> PoseBuffer:
    """A buffer that holds the whole trajectory.

    Args:
        track: the poses in any order; a buffer fed live would take a step back for a restart.
        max_gap: seconds between two poses that are still interpolated.
    """
    buffer = PoseBuffer(max_age=_FOREVER_S, max_gap=max_gap)
    for stamp_ns, pose in sorted(track, key=lambda item: item[0]):
        buffer.add(stamp_ns, pose)
    return buffer


def stretches(stamps_ns: Sequence[int]) -> NDArray[np.int64]:
    """[N] the stretch of its drive that each image belongs to, for intervals of means.

    Neighbors show nearly the same: to count them one by one would make means look too sure.

    Args:
        stamps_ns: of the images, at least one.
    """
    stamps = np.asarray(stamps_ns, np.int64)
    return np.asarray((stamps - stamps.min()) // round(STRETCH_S * 1e9), np.int64)
