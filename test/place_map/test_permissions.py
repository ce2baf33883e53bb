# SPDX-License-Identifier: Apache-2.0
"""Maps on protected files and folders, as a user whom the kernel does refuse things."""

import os
import shutil
import tempfile
import traceback
from pathlib import Path

import pytest
from map_samples import SPEC, assert_same, make_keyframe

from vpr_ros.errors import MapError
from vpr_ros.place_map import PlaceMap

NOBODY = 65534


def as_plain_user(work):
    """Run ``work`` in a child process that is not root; its failures are ours."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture
def path():
    # pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp())
    path = folder / "street.vprmap"
    with PlaceMap.create(path, SPEC) as place_map:
        place_map.append(make_keyframe(0))
        place_map.commit()
    path.chmod(0o644)
    folder.chmod(0o755)
    yield path
    folder.chmod(0o755)
    shutil.rmtree(folder)


def read_and_copy(path):
    with PlaceMap.open(path, SPEC) as place_map:
        assert_same(place_map.features_of(place_map.table.keys([0]))[0], make_keyframe(0).features)
        assert place_map.search(make_keyframe(0).features.global_descriptor, 1)
        with tempfile.TemporaryDirectory() as folder:
            place_map.save_copy(Path(folder) / "copy.vprmap")
            PlaceMap.open(Path(folder) / "copy.vprmap", SPEC, writable=True).close()


def assert_not_writable(path):
    with pytest.raises(MapError, match=r"cannot write here|no permission to write"):
        PlaceMap.open(path, SPEC, writable=True)


def test_protected_folder_and_file(path):
    path.chmod(0o444)
    path.parent.chmod(0o555)
    as_plain_user(lambda: read_and_copy(path))
    as_plain_user(lambda: assert_not_writable(path))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_protected_file_in_an_open_folder(path):
    path.chmod(0o444)
    path.parent.chmod(0o777)
    as_plain_user(lambda: read_and_copy(path))
    as_plain_user(lambda: assert_not_writable(path))
    # Nothing is left beside it that would stop its owner from writing.
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_protected_folder_with_an_open_log_is_not_misread(path):
    """What is committed stands in the log: reading past it would lose keyframes silently."""
    writer = PlaceMap.open(path, SPEC, writable=True)
    writer.append(make_keyframe(1))
    writer.commit()
    crashed = path.parent / "crashed.vprmap"
    shutil.copy(path, crashed)
    shutil.copy(f"{path}-wal", f"{crashed}-wal")
    writer.close()
    path.parent.chmod(0o555)

    def look():
        with pytest.raises(MapError, match="check the permissions of the file and its folder"):
            PlaceMap.open(crashed, SPEC)

    as_plain_user(look)
    path.parent.chmod(0o755)
    with PlaceMap.open(crashed, SPEC) as place_map:
        assert len(place_map) == 2


def test_no_permission_to_read(path):
    path.chmod(0o000)

    def look():
        for writable in (False, True):
            with pytest.raises(MapError, match="no permission to read"):
                PlaceMap.open(path, SPEC, writable=writable)

    as_plain_user(look)


def test_no_permission_to_enter(path):
    path.parent.chmod(0o000)

    def look():
        with pytest.raises(MapError, match="Permission denied"):
            PlaceMap.open(path, SPEC)
        with pytest.raises(MapError, match="Permission denied"):
            PlaceMap.open_or_create(path, SPEC)

    as_plain_user(look)


def test_no_permission_to_create(path):
    path.parent.chmod(0o555)

    def create():
        with pytest.raises(MapError, match="cannot write here"):
            PlaceMap.create(path.with_name("other.vprmap"), SPEC)

    as_plain_user(create)
