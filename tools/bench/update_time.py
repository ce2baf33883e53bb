# SPDX-License-Identifier: Apache-2.0
"""What a sequence filter's update costs in a large map; part of sequence.py."""

from __future__ import annotations

import os
import time
from functools import partial

import numpy as np
from recorded import BASELINE, say

from vpr_ros.calibration_curve import Calibration, Tail
from vpr_ros.config import with_settings
from vpr_ros.datatypes import Candidate, Comparison, Features, KeyframeRecord, Pose, Query
from vpr_ros.decision import decide
from vpr_ros.place_map import KeyframeTable
from vpr_ros.place_map.keyframe_table import Columns
from vpr_ros.sequence import open_tracker

KEYFRAMES, UPDATES = 100_000, 200
CALIBRATION = Calibration((Tail(20.0, 1.0, 3.0),), 1.0)
UPRIGHT = (0.0, 0.0, 0.0, 1.0)
VIEWS = [Features(row) for row in np.eye(8, dtype=np.float32)]


class LongMap:
    """A winding route, and nothing of its images but how alike they are."""

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(0)
        headings = np.cumsum(random.normal(0.0, 0.05, count))
        steps = random.uniform(1.0, 1.3, count)[:, None]
        poses = np.tile([0.0, 0.0, 0.0, *UPRIGHT], (count, 1))
        poses[:, :2] = np.cumsum(np.stack([np.cos(headings), np.sin(headings)], 1) * steps, axis=0)
        numbers, zeros = np.arange(count), np.zeros(count, np.int64)
        names = (["drive"], ["odom"], [""])
        stamps_ns = numbers * 10**9
        self.table = KeyframeTable()
        columns = Columns(numbers + 1, stamps_ns, zeros, zeros, zeros, poses, *names)
        self.table.append("long", columns)
        self._similarities = random.random(count, dtype=np.float32)

    def similarities(self, descriptor: np.ndarray) -> np.ndarray:
        return self._similarities

    def features_of(self, keys: list) -> list[Features]:
        return [VIEWS[0] for _ in keys]

    def record(self, key: tuple) -> KeyframeRecord:
        return self.table.record(self.table.row_of(key))


def report_times() -> None:
    """A line for each filter, with odometry and without."""
    say(f"\none core of {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
    long = LongMap(KEYFRAMES)
    for mode in ("filter", "seqslam"):
        for how, use_odometry in (("odometry", True), ("time alone", False)):
            taken = measured(long, mode, use_odometry)
            say(f"{mode}, {how}, {KEYFRAMES} keyframes: {taken}")


def measured(long: LongMap, mode: str, use_odometry: bool) -> str:
    """Milliseconds of one update, robot driving, ten candidates; in words."""
    config = with_settings(BASELINE, {"sequence.mode": mode})
    started = time.perf_counter()
    tracker = open_tracker(long, config, CALIBRATION)
    opening = time.perf_counter() - started
    seconds, busy = [], []  # on the wall's clock, and on the processor's
    for count in range(UPDATES):
        start = KEYFRAMES // 2 + count
        near = enumerate(long.table.records(range(start, start + 10)))
        candidates = tuple(Candidate(r, 0.9, Comparison(60.0 - i, 60 - i)) for i, r in near)
        odometry = Pose((1.15 * count, 0.0, 0.0), UPRIGHT, "odom") if use_odometry else None
        query = Query(VIEWS[count % 8], count * 10**9, odometry)
        alone = partial(decide, candidates, config.decision, CALIBRATION)
        started, started_busy = time.perf_counter(), time.thread_time()
        tracker.conclude(query, candidates, alone)
        busy.append(time.thread_time() - started_busy)
        seconds.append(time.perf_counter() - started)
    wall, processor = (1e3 * np.percentile(each, [50, 95]) for each in (seconds, busy))
    return (
        f"median {wall[0]:.1f} ms, 95 % {wall[1]:.1f} ms; processor {processor[0]:.1f} ms, "
        f"95 % {processor[1]:.1f} ms; opening {1e3 * opening:.0f} ms"
    )
