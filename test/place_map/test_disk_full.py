# SPDX-License-Identifier: Apache-2.0
"""A full disk costs what was not committed, never the map."""

import os
import resource
import signal
import subprocess
import traceback
from contextlib import contextmanager
from itertools import count

import pytest
from map_samples import SPEC, make_keyframe, number_of

from vpr_ros.errors import MapError
from vpr_ros.place_map import PlaceMap

PER_COMMIT = 3
POINTS = 500


@contextmanager
def small_disk(folder, megabytes):
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def fill_until_refused(place_map):
    """Append until the disk refuses; return how many keyframes are committed."""
    committed = [len(place_map)]
    with pytest.raises(MapError, match="undone since the last commit"):
        append_forever(place_map, committed)
    return committed[-1]


def append_forever(place_map, committed):
    for number in count(committed[-1]):
        place_map.append(make_keyframe(number, points=POINTS))
        if (number + 1) % PER_COMMIT == 0:
            place_map.commit()
            committed.append(number + 1)


def assert_intact(place_map, committed):
    assert [number_of(record) for record in place_map.table.records()] == list(range(committed))
    query = make_keyframe(3).features.global_descriptor
    assert len(place_map.search(query, 10_000)) == committed
    assert number_of(place_map.search(query, 1).keyframes[0]) == 3
    assert len(place_map.features_of(place_map.table.keys([0, committed - 1]))) == 2


def test_full_disk(tmp_path):
    path = tmp_path / "street.vprmap"
    with small_disk(tmp_path, megabytes=4):
        with PlaceMap.create(path, SPEC) as place_map:
            ballast = tmp_path / "ballast"
            ballast.write_bytes(bytes(2**20))
            committed = fill_until_refused(place_map)
            assert committed > 10
            assert_intact(place_map, committed)
            with pytest.raises(MapError, match="disk is full"):
                place_map.save_copy(tmp_path / "copy.vprmap")
            ballast.unlink()  # the same map goes on once there is room
            place_map.append(make_keyframe(committed))
            place_map.commit()
            committed = fill_until_refused(place_map)
        assert sorted(file.name for file in tmp_path.glob("copy*")) == []
        with PlaceMap.open(path, SPEC) as place_map:
            assert_intact(place_map, committed)


def test_no_room_for_a_new_map(tmp_path):
    with small_disk(tmp_path, megabytes=1):
        (tmp_path / "ballast").write_bytes(bytes(2**20 - 8192))
        with pytest.raises(MapError, match="disk is full"):
            PlaceMap.create(tmp_path / "street.vprmap", SPEC)
        assert [file.name for file in tmp_path.iterdir()] == ["ballast"]


def test_limit_on_file_sizes(tmp_path):
    """The same without being root: the kernel refuses to let files of a process grow."""
    path = tmp_path / "street.vprmap"
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
            with PlaceMap.create(path, SPEC) as place_map:
                committed = fill_until_refused(place_map)
                assert_intact(place_map, committed)
            (tmp_path / "committed").write_text(str(committed))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    committed = int((tmp_path / "committed").read_text())
    assert committed > 10
    with PlaceMap.open(path, SPEC, writable=True) as place_map:
        assert_intact(place_map, committed)
        place_map.append(make_keyframe(committed))
        place_map.commit()
