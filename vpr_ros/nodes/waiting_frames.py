# SPDX-License-Identifier: Apache-2.0
"""Frames that wait for what belongs to them and comes late, while newer frames come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

F = TypeVar("F")


@dataclass
class WaitingFrames(Generic[F]):
    """A line for each source, the oldest frame in front; whoever uses it holds a lock.

    The line is bounded by time and by number: frames whose time is over leave it, and the oldest
    one does where too many wait.
    """

    is_ready: Callable[[F], bool]  # whether what a frame waits for is there
    seconds_left: Callable[[F], float]  # that a frame may still wait, 0 or less: none
    limit: int  # frames of one source
    _lines: dict[str, deque[F]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def put(self, frame: F, source: str) -> F | None:
        """Take a frame into the line; gives the one that need not or may not wait, if any is."""
        line = self._lines.setdefault(source, deque())
        if not line and self.is_ready(frame):
            return frame
        line.append(frame)
        return line.popleft() if len(line) > self.limit else None

    def expired(self) -> Iterator[tuple[str, F]]:
        """Take out those whose time is over, with their sources, ready or not."""
        for source, line in self._lines.items():
            while line and self.seconds_left(line[0]) <= 0.0:
                yield source, line.popleft()

    def next_ready(self, all_are: bool = False) -> tuple[F] | None:
        """Take out a frame that is ready, sources in turn; ``all_are`` waits for nothing more."""
        for source, line in list(self._lines.items()):
            if line and (all_are or self.is_ready(line[0])):
                self._lines[source] = self._lines.pop(source)  # to the end of the turns
                return (line.popleft(),)
        return None

    def patience(self) -> float | None:
        """Seconds until the next frame has waited in vain; None where none waits."""
        fronts = [self.seconds_left(line[0]) for line in self._lines.values() if line]
        return max(0.0, min(fronts)) if fronts else None
