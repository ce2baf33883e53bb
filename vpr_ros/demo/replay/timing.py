# SPDX-License-Identifier: Apache-2.0
"""When recorded time happens again: deadlines on the monotonic clock that never drift."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

_NS_PER_S = 1_000_000_000


class Pacer:
    """Sleeps until a moment of the recording is due.

    Every deadline is counted from the start, not from the message before, so that neither slow
    publishing nor late wake-ups add up: whoever comes late catches up.
    """

    def __init__(
        self,
        start_ns: int,
        rate: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin at once with the recorded ``start_ns``; ``rate``: recorded seconds per real one."""
        self._start_ns = start_ns
        self._rate = rate
        self._now = now
        self._sleep = sleep
        self._begun = now()

    def wait_until(self, log_ns: int) -> None:
        """Return when the recorded time is reached, at once if it is in the past."""
        due = self._begun + (log_ns - self._start_ns) / _NS_PER_S / self._rate
        while (left := due - self._now()) > 0.0:
            self._sleep(left)


class ClockTicks:
    """The recorded times at which ``/clock`` is told."""

    def __init__(self, start_ns: int, frequency: float, rate: float) -> None:
        """Tick first at ``start_ns``, and ``frequency`` times per real second."""
        self._next_ns = start_ns
        self._step_ns = max(1, round(_NS_PER_S * rate / frequency))

    def until(self, log_ns: int) -> Iterator[int]:
        """Each tick up to and including a recorded time, once."""
        while self._next_ns <= log_ns:
            yield self._next_ns
            self._next_ns += self._step_ns
