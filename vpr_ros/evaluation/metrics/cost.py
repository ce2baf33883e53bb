# SPDX-License-Identifier: Apache-2.0
"""What an answer costs: the time of each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vpr_ros.errors import DatasetError

PERCENTS = (50.0, 90.0, 95.0, 99.0)
TOTAL = "total"


@dataclass(frozen=True)
class Latency:
    """Milliseconds that one stage took."""

    median: float
    p95: float
    max: float


def latencies(timings_s: Sequence[Mapping[str, float]]) -> dict[str, Latency]:
    """Median, 95th percentile and maximum of every stage and of the total, in milliseconds.

    Args:
        timings_s: stage name -> seconds, for each frame.
    """
    if not any(timings_s):
        return {}
    stages = latency_percentiles(timings_s, (50.0, 95.0, 100.0))
    return {
        name: Latency(*(1e3 * seconds for seconds in percentiles.values()))
        for name, percentiles in stages.items()
    }


def latency_percentiles(
    timings_s: Sequence[Mapping[str, float]], percents: Sequence[float] = PERCENTS
) -> dict[str, dict[float, float]]:
    """Stage name -> percent -> seconds; "total" last, summed where it is not given.

    Args:
        timings_s: stage name -> seconds, for each answer. A stage that an answer did not need is
            left out of it, and of the percentiles of that stage.
        percents: which percentiles, from 0 to 100.

    Raises:
        DatasetError: nothing was timed.
    """
    if not any(timings_s):
        raise DatasetError("no timings: nothing was answered")
    stages: dict[str, list[float]] = {}
    for timings in timings_s:
        for name, seconds in timings.items():
            stages.setdefault(name, []).append(seconds)
    totals = stages.pop(TOTAL, None) or [sum(timings.values()) for timings in timings_s]
    return {
        name: dict(zip(percents, np.percentile(values, percents).tolist(), strict=True))
        for name, values in [*stages.items(), (TOTAL, totals)]
    }
