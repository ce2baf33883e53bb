# SPDX-License-Identifier: Apache-2.0
"""Latency of stages."""

import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.cost import latencies, latency_percentiles


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


def test_nothing_measured():
    with pytest.raises(DatasetError, match="no timings"):
        latency_percentiles([{}])


def test_latencies():
    timings = [{"extract": seconds / 1000} for seconds in range(101)]
    found = latencies(timings)
    assert list(found) == ["extract", "total"]
    assert found["extract"].median == pytest.approx(50.0)
    assert found["extract"].p95 == pytest.approx(95.0)
    assert found["extract"].max == pytest.approx(100.0)
