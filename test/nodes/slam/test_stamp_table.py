# SPDX-License-Identifier: Apache-2.0
"""Numbers of poses are found by their stamps, and never by stamps of another start."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="the adapters need ROS 2")

from vpr_ros.nodes.slam.stamp_table import StampTable

S = 10**9


def table(stamps):
    made = StampTable()
    for number, stamp_ns in stamps.items():
        made.add(number, stamp_ns)
    return made


def test_an_empty_table_knows_nothing():
    assert StampTable().nearest(5) is None
    assert StampTable().at(5, 1e9) is None
    assert len(StampTable()) == 0


def test_the_tolerance_is_closed():
    made = table({7: 10 * S})
    assert made.at(10 * S + 10_000_000, 0.01) == 7
    assert made.at(10 * S - 10_000_000, 0.01) == 7
    assert made.at(10 * S + 10_000_001, 0.01) is None


def test_the_same_pose_again_changes_nothing():
    made = table({1: S, 2: 2 * S})
    made.add(1, S)
    assert len(made) == 2


def test_a_number_with_another_stamp_forgets_everything_before():
    made = table({1: S, 2: 2 * S})
    made.add(1, 50 * S)
    assert len(made) == 1
    assert made.at(2 * S, 0.1) is None
    assert made.at(50 * S, 0.0) == 1


@given(
    st.dictionaries(st.integers(1, 99), st.integers(0, 10**6), min_size=1), st.integers(0, 10**6)
)
def test_nearest_is_nearest(stamps, wanted):
    number, distance = table(stamps).nearest(wanted)
    assert abs(stamps[number] - wanted) == min(abs(stamp - wanted) for stamp in stamps.values())
    assert distance == abs(stamps[number] - wanted) / 1e9
