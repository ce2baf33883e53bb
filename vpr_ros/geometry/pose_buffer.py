# SPDX-License-Identifier: Apache-2.0
"""The poses of a while, those of each frame apart, looked up at the stamps of images."""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.no_pose import EARLY, FAR, FRAME, LATE, NONE, SPARSE, NoPose
from vpr_ros.geometry.poses import interpolated


class _Stretch:
    """Poses of one frame, oldest first."""

    def __init__(self) -> None:
        self.stamps_ns: list[int] = []
        self.poses: list[Pose] = []

    def add(self, stamp_ns: int, pose: Pose) -> None:
        """Take a pose; of two of one stamp the later one counts, and one that is late does not."""
        if self.stamps_ns and stamp_ns == self.stamps_ns[-1]:
            self.poses[-1] = pose
        elif not self.stamps_ns or stamp_ns > self.stamps_ns[-1]:
            self.stamps_ns.append(stamp_ns)
            self.poses.append(pose)

    def at(self, stamp_ns: int, max_gap_ns: int) -> Pose | None:
        right = bisect.bisect_left(self.stamps_ns, stamp_ns)
        if right == len(self.stamps_ns):
            return None
        if self.stamps_ns[right] == stamp_ns:
            return self.poses[right]
        if right == 0:
            return None
        start, end = self.stamps_ns[right - 1], self.stamps_ns[right]
        if end - start > max_gap_ns:
            return None
        fraction = (stamp_ns - start) / (end - start)
        return interpolated(self.poses[right - 1], self.poses[right], fraction)

    def forget(self, oldest_ns: float) -> None:
        # Trimming only when half is stale keeps adding cheap.
        stale = bisect.bisect_left(self.stamps_ns, oldest_ns)
        if 2 * stale > len(self.stamps_ns):
            del self.stamps_ns[:stale], self.poses[:stale]


class PoseBuffer:
    """The poses of the last while.

    A frame that gets another name starts another stretch, and two publishers may take turns:
    poses of two frames are never interpolated. Where several frames enclose a stamp, the one that
    was heard first counts, so that a drive does not change its frame from image to image.
    """

    def __init__(self, max_age: float = 30.0, max_gap: float = 1.0) -> None:
        """Keep poses for ``max_age`` seconds; never interpolate over more than ``max_gap``."""
        self._max_age_ns = max_age * 1e9
        self._max_gap_ns = round(max_gap * 1e9)
        self._stretches: dict[str, _Stretch] = {}  # by frame, in the order they were heard

    def __len__(self) -> int:
        return sum(len(stretch.poses) for stretch in self._stretches.values())

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest pose."""
        ends = (stretch.stamps_ns[-1] for stretch in self._stretches.values())
        return max(ends, default=None)

    def add(self, stamp_ns: int, pose: Pose) -> None:
        """Take a pose; one that comes late is left out.

        A stamp that jumps back (a bag that starts over) empties the buffer.
        """
        if self._starts_over(stamp_ns, pose.frame_id):
            self._stretches.clear()
        self._stretches.setdefault(pose.frame_id, _Stretch()).add(stamp_ns, pose)
        newest = self.newest_ns
        assert newest is not None
        for frame, stretch in list(self._stretches.items()):
            stretch.forget(newest - self._max_age_ns)
            if not stretch.stamps_ns:
                del self._stretches[frame]

    def at(self, stamp_ns: int) -> Pose | None:
        """The pose at a stamp, or None where no two poses of one frame enclose it closely."""
        poses = (s.at(stamp_ns, self._max_gap_ns) for s in self._stretches.values())
        return next((pose for pose in poses if pose is not None), None)

    def reaches(self, stamp_ns: int) -> bool:
        """Whether poses to come hardly matter at a stamp: the frame that counts is past it.

        That is the first one that still speaks: it is no further behind than a gap may be.
        """
        newest = self.newest_ns
        if newest is None:
            return False
        ends = (stretch.stamps_ns[-1] for stretch in self._stretches.values())
        return next(end for end in ends if newest - end <= self._max_gap_ns) >= stamp_ns

    def why_not(self, stamp_ns: int) -> NoPose:
        """Why there is no pose at a stamp where ``at`` gives none."""
        before = max(self._neighbors(stamp_ns, left=True), default=None)
        after = min(self._neighbors(stamp_ns, left=False), default=None)
        if before is None and after is None:
            return NoPose(stamp_ns, NONE)
        cause, distance_ns = self._cause(stamp_ns, before, after)
        frames = (before[1], after[1]) if cause == FRAME and before and after else ("", "")
        begins = (stretch.stamps_ns[0] for stretch in self._stretches.values())
        span = min(begins), self.newest_ns or 0
        return NoPose(stamp_ns, cause, self._max_gap_ns / 1e9, distance_ns / 1e9, frames, span)

    def _cause(
        self, stamp_ns: int, before: tuple[int, str] | None, after: tuple[int, str] | None
    ) -> tuple[str, int]:
        """The cause, and the nanoseconds that it is told with."""
        nearest = min(abs(each[0] - stamp_ns) for each in (before, after) if each is not None)
        if nearest > self._max_gap_ns:
            return FAR, nearest
        if before is None or after is None:
            return (EARLY if before is None else LATE), nearest
        gap = after[0] - before[0]
        return (SPARSE, gap) if gap > self._max_gap_ns else (FRAME, gap)

    def _neighbors(self, stamp_ns: int, left: bool) -> Iterator[tuple[int, str]]:
        """The stamp of each frame's last pose before a stamp, or of its first one after it."""
        for frame, stretch in self._stretches.items():
            index = bisect.bisect_left(stretch.stamps_ns, stamp_ns) - left
            if 0 <= index < len(stretch.stamps_ns):
                yield stretch.stamps_ns[index], frame

    def _starts_over(self, stamp_ns: int, frame: str) -> bool:
        """Two publishers of one topic may be late by more than a gap against each other."""
        if frame in self._stretches:
            return self._stretches[frame].stamps_ns[-1] - stamp_ns > self._max_gap_ns
        newest = self.newest_ns
        return newest is not None and newest - stamp_ns > self._max_age_ns
