# SPDX-License-Identifier: Apache-2.0
"""A bench on which an adapter and the stack it is for meet."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def bench(ros):
    from slam_harness import Bench

    bench = Bench()
    yield bench
    bench.close()
