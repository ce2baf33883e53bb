# SPDX-License-Identifier: Apache-2.0
"""What tf2 knows of the way between two frames, but does not tell: how far, and with what gaps.

tf2 interpolates however long nothing was heard, and takes nothing that is much older than what it
has: a bag that starts over is ignored. So the stamps are kept a second time, here.
"""

from __future__ import annotations

import bisect

from vpr_ros.geometry.transforms import below_shared

_S = 1_000_000_000


class FrameTree:
    """The frames that hang on each other, and when each transform that changes was told."""

    def __init__(self, target: str, source: str, max_gap: float, max_age: float) -> None:
        """Know nothing yet.

        Args:
            target: frame that poses are wanted in.
            source: the frame whose poses are wanted.
            max_gap: seconds between two transforms that may be interpolated.
            max_age: seconds for which stamps are kept.
        """
        self._target, self._source = target, source
        self._max_gap_ns, self._max_age_ns = round(max_gap * _S), round(max_age * _S)
        self._parents: dict[str, str] = {}
        self._stamps_ns: dict[str, list[int]] = {}  # child -> ascending; fixed ones are missing

    def fix(self, parent: str, child: str) -> None:
        """Take a transform that never changes."""
        self._parents[child] = parent
        self._stamps_ns.pop(child, None)

    def add(self, parent: str, child: str, stamp_ns: int) -> bool:
        """Take a transform that may change.

        Returns:
            Whether time jumped back on the way between the two frames: then everything that may
            change is forgotten before.
        """
        stamps = self._stamps_ns.get(child)
        started_over = bool(stamps) and self._started_over(child, stamp_ns)
        if started_over:
            self._forget()
        self._parents[child] = parent
        stamps = self._stamps_ns.setdefault(child, [])
        bisect.insort(stamps, stamp_ns)
        stale = bisect.bisect_left(stamps, stamps[-1] - self._max_age_ns)
        if 2 * stale > len(stamps):  # trimming only when half is stale keeps adding cheap
            del stamps[:stale]
        return started_over

    def reaches(self, stamp_ns: int) -> bool:
        """Whether everything between the two frames was told up to a stamp."""
        way = self._way()
        return way is not None and all(self._newest(child) >= stamp_ns for child in way)

    def why_not(self, stamp_ns: int) -> str:
        """Why there is no pose at a stamp; empty where all transforms enclose it closely enough."""
        if stamp_ns <= 0:  # which tf2 takes for "the latest"
            return "the image has no stamp"
        way = self._way()
        if way is None:
            return f"TF does not connect {self._source!r} with {self._target!r}"
        return next(filter(None, (self._defect(child, stamp_ns) for child in way)), "")

    def _defect(self, child: str, stamp_ns: int) -> str:
        """What is wrong with one transform at a stamp."""
        stamps, what = self._stamps_ns[child], f"TF's {self._parents[child]} -> {child}"
        after = bisect.bisect_left(stamps, stamp_ns)
        if after == len(stamps):
            return f"{what} ends {(stamp_ns - stamps[-1]) / _S:.3f} s before the image"
        if stamps[after] == stamp_ns:
            return ""
        if after == 0:
            return f"{what} begins {(stamps[0] - stamp_ns) / _S:.3f} s after the image"
        gap_ns = stamps[after] - stamps[after - 1]
        if gap_ns <= self._max_gap_ns:
            return ""
        return f"{what} says nothing for {gap_ns / _S:.3f} s around the image: see pose_gap"

    def _started_over(self, child: str, stamp_ns: int) -> bool:
        """One that is only late is no jump; nor do frames tell of it that lie elsewhere."""
        late = self._newest(child) - stamp_ns > self._max_gap_ns
        return late and child in (self._way() or ())

    def _forget(self) -> None:
        for child in self._stamps_ns:
            del self._parents[child]
        self._stamps_ns.clear()

    def _newest(self, child: str) -> int:
        return self._stamps_ns[child][-1]

    def _way(self) -> list[str] | None:
        """Children of the changing transforms between the two frames, None if there is no way."""
        sides = below_shared(self._source, self._target, self._parents)
        if sides is None:
            return None
        return [child for side in sides for child in side if child in self._stamps_ns]
