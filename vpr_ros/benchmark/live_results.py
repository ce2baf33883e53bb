# SPDX-License-Identifier: Apache-2.0
"""What a drive over DDS comes down to."""

from __future__ import annotations

import numpy as np

from vpr_ros.benchmark.live import RATE_HZ, Drive
from vpr_ros.benchmark.results import Result, median

_OVERHEAD_LIMIT_MS = 5.0


def live_results(drive: Drive) -> list[Result]:
    """Frames answered and lost, latency, overhead, memory and processor time."""
    robot = drive.robot
    lost = robot.sent - len(robot.answers)
    twice = sum(robot.answers.values()) - len(robot.answers)
    unmapped = robot.sent - robot.count("mapper", "frames processed")
    latencies_ms = 1e3 * np.array(robot.latencies_s)
    low, high = np.percentile(latencies_ms, [50.0, 99.0])
    period = 1e3 / RATE_HZ
    return [
        Result("frames sent at 5 Hz to both nodes", robot.sent, "frames"),
        Result("frames that the localizer did not answer", lost, "frames"),
        Result("frames that it answered twice", twice, "frames"),
        Result("frames that the mapper did not handle", unmapped, "frames"),
        Result("image to match over DDS, median", float(low), "ms", period, "a frame at 5 Hz"),
        Result("image to match over DDS, 99 %", float(high), "ms", period, "a frame at 5 Hz"),
        *[result for node in drive.usage for result in _node_results(drive, node)],
    ]


def _node_results(drive: Drive, node: str) -> list[Result]:
    usage = drive.usage[node]
    overhead = median(drive.numbers(node, "overhead median [ms]"))
    gained, keyframes, seconds = usage.growth()
    over = f"in {seconds / 60.0:.1f} min"
    over += f" and {keyframes:.0f} keyframes" if keyframes else ""
    return [
        Result(f"{node}: own overhead a frame", overhead, "ms", _OVERHEAD_LIMIT_MS, "its limit"),
        Result(f"{node}: processor cores in use", usage.cores, "cores"),
        Result(f"{node}: peak memory", drive.peaks_mb[node], "MB"),
        Result(f"{node}: memory gained {over}", gained, "MB"),
    ]
