# SPDX-License-Identifier: Apache-2.0
"""What an answer costs: the time of each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

TOTAL = "total"


@dataclass(frozen=True)
class Latency:
    """Milliseconds that one stage took."""

    median: float
    p95: float
    max: float


def latencies(timings_s: Sequence[Mapping[str, float]]) -> dict[str, Latency]:
    """Median, 95th percentile and maximum of every stage, "total" last, in milliseconds.

    Args:
        timings_s: stage name -> seconds, for each answer. A stage that an answer did not need is
            left out of it. The total is the sum where it is not given.
    """
    if not any(timings_s):
        return {}
    stages: dict[str, list[float]] = {}
    for timings in timings_s:
        for name, seconds in timings.items():
            stages.setdefault(name, []).append(seconds)
    totals = stages.pop(TOTAL, None) or [sum(timings.values()) for timings in timings_s]
    return {
        name: Latency(*(1e3 * np.percentile(values, (50.0, 95.0, 100.0))).tolist())
        for name, values in [*stages.items(), (TOTAL, totals)]
    }
