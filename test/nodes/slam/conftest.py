# SPDX-License-Identifier: Apache-2.0
"""A bench on which an adapter and the stack it is for meet, and the stacks' messages."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def stack_messages():
    """The stacks' own message packages, built if this machine lacks them."""
    pytest.importorskip("rclpy", reason="the adapters need ROS 2")
    import stack_interfaces

    stack_interfaces.make_importable()


@pytest.fixture
def bench(ros):
    from slam_harness import Bench

    bench = Bench()
    yield bench
    bench.close()
