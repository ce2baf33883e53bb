# SPDX-License-Identifier: Apache-2.0
"""Memory and processor time of a process, as Linux tells it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_WARM_UP = 0.3  # part of the time that does not count: libraries and caches fill
_WARM_UP_S = 60.0  # but not longer
_EDGE = 0.15  # part of the rest that is averaged at its beginning and at its end


@dataclass
class Usage:
    """Samples of one process."""

    pid: int
    times: list[float] = field(default_factory=list)  # seconds, monotonic clock
    resident_mb: list[float] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)  # that the process has in memory
    _cpu: list[float] = field(default_factory=list)  # seconds of all threads

    def sample(self, keyframes: int) -> None:
        """Look once."""
        self.times.append(time.monotonic())
        self.resident_mb.append(_status_mb(self.pid, "VmRSS"))
        self._cpu.append(_cpu_seconds(self.pid))
        self.keyframes.append(keyframes)

    @property
    def peak_mb(self) -> float:
        """The most memory that the process ever had."""
        return _status_mb(self.pid, "VmHWM")

    @property
    def cores(self) -> float:
        """Processor cores in use, on average."""
        return (self._cpu[-1] - self._cpu[0]) / (self.times[-1] - self.times[0])

    def growth(self) -> tuple[float, float, float]:
        """(Megabytes gained, keyframes gained, seconds) after the warm-up, from edge to edge."""
        seconds = np.array(self.times) - self.times[0]
        warm = min(_WARM_UP * seconds[-1], _WARM_UP_S)
        edge = _EDGE * (seconds[-1] - warm)
        first = (seconds >= warm) & (seconds <= warm + edge)
        last = seconds >= seconds[-1] - edge

        def gain(values: list[float] | list[int]) -> float:
            samples = np.array(values, float)
            return float(samples[last].mean() - samples[first].mean())

        return gain(self.resident_mb), gain(self.keyframes), gain(self.times)


def _status_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024.0
    raise LookupError(name)


def _cpu_seconds(pid: int) -> float:
    # Behind the name in parentheses, which may hold spaces: the state is field 3, utime 14.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
