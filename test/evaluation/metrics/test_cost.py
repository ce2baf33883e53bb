# SPDX-License-Identifier: Apache-2.0
"""Latency of stages."""

import pytest

from vpr_ros.evaluation.metrics.cost import latencies


def test_stages_and_their_sum():
    found = latencies([{"extract": n / 1000, "search": 0.001} for n in range(101)])
    assert list(found) == ["extract", "search", "total"]
    assert found["extract"].median == pytest.approx(50.0)
    assert found["extract"].p95 == pytest.approx(95.0)
    assert found["extract"].max == pytest.approx(100.0)
    assert found["total"].median == pytest.approx(51.0)


def test_stages_that_ran_now_and_then_and_a_total_that_was_measured():
    found = latencies([{"a": 1.0, "total": 9.0}, {"a": 3.0, "b": 2.0, "total": 9.0}])
    assert found["b"].median == pytest.approx(2000.0)
    assert found["total"].median == pytest.approx(9000.0)


def test_nothing_measured():
    assert latencies([{}]) == {}
