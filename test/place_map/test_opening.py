# SPDX-License-Identifier: Apache-2.0
"""Opening a map reads what a search needs, whatever else the file holds: bytes are counted."""

from pathlib import Path

import numpy as np
import pytest
from map_samples import REAL_SPEC, make_keyframe

from vpr_ros.place_map import PlaceMap

KEYFRAMES = 60
IO = Path("/proc/self/io")

pytestmark = pytest.mark.skipif(not IO.exists(), reason="this kernel does not count what is read")


def bytes_read():
    """By this process so far, from the disk or from the memory that stands for it."""
    return int(IO.read_text().split()[1])


def written(path, points):
    with PlaceMap.create(path, REAL_SPEC) as place_map:
        for number in range(KEYFRAMES):
            place_map.append(make_keyframe(number, REAL_SPEC, points=points))
        place_map.commit()
    return path


def opened(path):
    """(bytes that opening read for a search, bytes that the file has)."""
    before = bytes_read()
    with PlaceMap.open(path, REAL_SPEC) as place_map:
        after = bytes_read()
        place_map.search(np.ones(REAL_SPEC.global_dim, np.float32), 3)
    return after - before, path.stat().st_size


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """The same places with few and with many local features."""
    folder = tmp_path_factory.mktemp("opening")
    return written(folder / "lean.vprmap", 1), written(folder / "rich.vprmap", 1000)


def test_opening_reads_no_local_features(maps):
    (lean, _), (rich, size) = (opened(path) for path in maps)
    assert size > 10_000_000
    assert rich < size / 10
    assert rich < 1.5 * lean, "what more it holds is not read"
