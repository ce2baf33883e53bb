# SPDX-License-Identifier: Apache-2.0
"""Latency of stages and memory of places."""

import numpy as np
import pytest

from vpr_ros.datatypes import Features, LocalFeatures
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics import latencies, latency_percentiles, memory_per_place


def features(count, size=131, global_size=256):
    zeros = np.zeros((count, size), np.float32)
    local = LocalFeatures(np.zeros((count, 2), np.float32), zeros[:, 0].copy(), zeros, (640, 480))
    return Features(np.zeros(global_size, np.float32), local)


def test_percentiles_of_stages_and_of_their_sum():
    timings = [{"extract": float(n), "search": 1.0} for n in range(101)]
    latency = latency_percentiles(timings, (50.0, 99.0))
    assert latency["extract"] == {50.0: 50.0, 99.0: 99.0}
    assert list(latency)[-1] == "total"
    assert latency["total"] == {50.0: 51.0, 99.0: 100.0}


def test_stages_that_ran_now_and_then_and_a_total_that_was_measured():
    latency = latency_percentiles([{"a": 1.0, "total": 9.0}, {"a": 3.0, "b": 2.0, "total": 9.0}])
    assert latency["b"][50.0] == 2.0
    assert latency["total"][50.0] == 9.0


def test_memory_is_what_the_paper_counts():
    memory = memory_per_place([features(500), features(500)])
    assert memory.local_descriptors == 500 * 131 * 4
    assert memory.global_descriptor == 1024
    assert memory.keypoints == 500 * 12
    only_local = memory.local_descriptors * 1e6 / 2**30
    assert only_local == pytest.approx(244.01, abs=0.01), "R2Former's figure for a million images"
    assert memory.gibibytes(2**30) == memory.total


def test_nothing_measured():
    with pytest.raises(DatasetError, match="no timings"):
        latency_percentiles([{}])
    with pytest.raises(DatasetError, match="no features"):
        memory_per_place([])


def test_latencies():
    timings = [{"extract": seconds / 1000} for seconds in range(101)]
    found = latencies(timings)
    assert list(found) == ["extract", "total"]
    assert found["extract"].median == pytest.approx(50.0)
    assert found["extract"].p95 == pytest.approx(95.0)
    assert found["extract"].max == pytest.approx(100.0)
