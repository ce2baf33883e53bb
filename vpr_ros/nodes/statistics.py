# SPDX-License-Identifier: Apache-2.0
"""What a node counts: frames that came, went, failed, and how long each stage took."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

_WINDOW = 100  # frames over which latencies are reported

# Stages that are the pipeline's or spent waiting; what is left of a frame's time is "overhead".
_NOT_OVERHEAD = {"wait", "pose", "extract", "retrieve", "rerank", "sequence", "map"}


@dataclass
class FrameStatistics:
    """Counters of one node since it was configured; safe to use from several threads."""

    received: int = 0
    processed: int = 0
    dropped: int = 0  # replaced by a newer frame before their turn came
    failed: int = 0
    repeated: int = 0  # same stamp as the source's frame before
    backward: int = 0  # older stamp than the source's frame before
    last_error: str = ""
    _stamps_ns: dict[str, int] = field(default_factory=dict)  # source -> of its last frame
    _arrivals: dict[str, float] = field(default_factory=dict)  # source -> seconds, monotonic clock
    _stages: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def last_arrival(self, source: str = "") -> float | None:
        """When a source's last frame came, seconds of the monotonic clock; None if none did."""
        with self._lock:
            return self._arrivals.get(source)

    def arrive(self, stamp_ns: int, now: float, source: str = "") -> bool:
        """Count a frame; False if it repeats its source's last one and needs no second answer."""
        with self._lock:
            self.received += 1
            self._arrivals[source] = now
            last_ns, self._stamps_ns[source] = self._stamps_ns.get(source), stamp_ns
            if last_ns is not None and stamp_ns == last_ns:
                self.repeated += 1
                return False
            if last_ns is not None and stamp_ns < last_ns:
                self.backward += 1
            return True

    def see(self, now: float, source: str = "") -> None:
        """Take note that a source lives, by a frame that nobody asked for."""
        with self._lock:
            self._arrivals[source] = now

    def drop(self) -> None:
        """Count a frame that a newer one replaced."""
        with self._lock:
            self.dropped += 1

    def fail(self, reason: str) -> None:
        """Count a frame that could not be handled."""
        with self._lock:
            self.failed += 1
            self.last_error = reason

    def done(self, timings_s: Mapping[str, float]) -> None:
        """Count a frame that was handled, with the seconds of each stage."""
        with self._lock:
            self.processed += 1
            for stage, seconds in timings_s.items():
                self._stages.setdefault(stage, deque(maxlen=_WINDOW)).append(seconds)

    def note(self, stage: str, seconds: float) -> None:
        """Add the seconds of work that is not part of an answer."""
        with self._lock:
            self._stages.setdefault(stage, deque(maxlen=_WINDOW)).append(seconds)

    def latencies_ms(self) -> dict[str, tuple[float, float]]:
        """Stage -> (median, largest) milliseconds over the last frames."""
        with self._lock:
            copies = {stage: list(values) for stage, values in self._stages.items()}
        return {
            stage: (1e3 * float(np.median(values)), 1e3 * max(values))
            for stage, values in copies.items()
        }


def with_overhead(timings_s: Mapping[str, float]) -> dict[str, float]:
    """The seconds of each stage, with those of ``total`` that no stage accounts for."""
    staged = sum(seconds for stage, seconds in timings_s.items() if stage in _NOT_OVERHEAD)
    return {**timings_s, "overhead": timings_s["total"] - staged}
