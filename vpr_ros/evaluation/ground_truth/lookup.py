# SPDX-License-Identifier: Apache-2.0
"""True poses at the stamps of images, or a clear word that the two were not recorded together."""

from __future__ import annotations

from collections.abc import Sequence

from vpr_ros.datatypes import Pose
from vpr_ros.drives.tracks import MAX_GAP_S, Track, pose_buffer
from vpr_ros.errors import DatasetError


def poses_at(
    track: Track, stamps_ns: Sequence[int], max_gap: float = MAX_GAP_S
) -> tuple[Pose | None, ...]:
    """The pose of a trajectory at each stamp, None where it does not enclose the stamp.

    Args:
        track: in any order, of one frame.
        stamps_ns: of the images.
        max_gap: seconds between two poses that are still interpolated.

    Raises:
        DatasetError: the trajectory changes its frame, or covers not a single image.
    """
    frames = sorted({pose.frame_id for _, pose in track})
    if len(frames) > 1:
        raise DatasetError(f"the truth is given in several frames: {', '.join(frames)}")
    buffer = pose_buffer(track, max_gap)
    poses = tuple(buffer.at(stamp_ns) for stamp_ns in stamps_ns)
    if stamps_ns and not any(poses):
        raise DatasetError(
            f"truth covers {_span([stamp for stamp, _ in track])}, images {_span(stamps_ns)}: no "
            f"image lies between two poses at most {max_gap:g} s apart: are both of one clock?"
        )
    return poses


def _span(stamps_ns: Sequence[int]) -> str:
    if not stamps_ns:
        return "nothing"
    return f"{min(stamps_ns) / 1e9:.3f}..{max(stamps_ns) / 1e9:.3f} s"
