# SPDX-License-Identifier: Apache-2.0
"""A stack's own numbers for its poses, found by their stamps."""

from __future__ import annotations

import bisect


class StampTable:
    """Stamps in nanoseconds and the numbers that a stack gave to them."""

    def __init__(self) -> None:
        self._stamps: list[int] = []  # sorted
        self._ids: list[int] = []  # in the order of their stamps
        self._stamp_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, number: int, stamp_ns: int) -> None:
        """Take a pose.

        A number that comes back with another stamp tells that the stack started over: everything
        known before is forgotten.
        """
        earlier_ns = self._stamp_of.get(number)
        if earlier_ns == stamp_ns:
            return
        if earlier_ns is not None:
            self._stamps.clear()
            self._ids.clear()
            self._stamp_of.clear()
        place = bisect.bisect(self._stamps, stamp_ns)
        self._stamps.insert(place, stamp_ns)
        self._ids.insert(place, number)
        self._stamp_of[number] = stamp_ns

    def nearest(self, stamp_ns: int) -> tuple[int, float] | None:
        """(number, distance in seconds) of the pose nearest to a stamp, None when there is none."""
        right = bisect.bisect(self._stamps, stamp_ns)
        around = range(max(0, right - 1), min(len(self._stamps), right + 1))
        if not around:
            return None
        best = min(around, key=lambda place: abs(self._stamps[place] - stamp_ns))
        return self._ids[best], abs(self._stamps[best] - stamp_ns) / 1e9

    def at(self, stamp_ns: int, tolerance: float) -> int | None:
        """The number of the pose within ``tolerance`` seconds of a stamp, None if there is none."""
        nearest = self.nearest(stamp_ns)
        return nearest[0] if nearest is not None and nearest[1] <= tolerance else None
