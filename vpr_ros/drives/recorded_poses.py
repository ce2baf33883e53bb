# SPDX-License-Identifier: Apache-2.0
"""The poses of a recording as its images find them, and why some find none."""

from __future__ import annotations

from collections.abc import Sequence

from vpr_ros.datatypes import Pose
from vpr_ros.drives.tracks import Track, pose_buffer
from vpr_ros.errors import VprError
from vpr_ros.geometry.no_pose import in_words


class RecordedPoses:
    """A trajectory, and what was refused while it was read."""

    def __init__(self, track: Track = (), refused: Sequence[VprError] = ()) -> None:
        """Take the poses in any order, and why others are none."""
        self._buffer = pose_buffer(track)
        self._refused = refused

    def at(self, stamp_ns: int) -> Pose | None:
        """The pose at a stamp, interpolated; None where no two poses of one frame enclose it."""
        return self._buffer.at(stamp_ns)

    def why_none(self, stamps_ns: Sequence[int], is_all: bool) -> str:
        """Why images have no pose, in counted causes.

        Args:
            stamps_ns: of the images that have none.
            is_all: whether no other image has one.
        """
        words = in_words([self._buffer.why_not(stamp_ns) for stamp_ns in stamps_ns], is_all)
        if not self._refused:
            return words
        refused = f"{len(self._refused)} poses were refused, the first: {self._refused[0]}"
        return f"{words}; {refused}" if len(self._buffer) else refused
