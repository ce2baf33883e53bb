# SPDX-License-Identifier: Apache-2.0
"""What is no map, or not ours, is refused by name, by readers and writers alike."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from map_samples import SPEC, make_keyframe

from vpr_ros.errors import MapError
from vpr_ros.place_map import PlaceMap

OPENINGS = {
    "look": lambda path: PlaceMap.open(path),
    "read": lambda path: PlaceMap.open(path, SPEC),
    "write": lambda path: PlaceMap.open(path, SPEC, writable=True),
}


@pytest.fixture(params=OPENINGS)
def opening(request):
    return OPENINGS[request.param]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "street.vprmap"
    with PlaceMap.create(path, SPEC) as place_map:
        for number in range(50):
            place_map.append(make_keyframe(number))
        place_map.commit()
    return path


def alter(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def assert_refused(opening, path, message):
    with pytest.raises(MapError, match=message) as caught:
        opening(path)
    assert str(path) in str(caught.value)


def test_not_there(opening, tmp_path):
    assert_refused(opening, tmp_path / "missing.vprmap", "no such map")
    assert_refused(opening, tmp_path / "missing" / "street.vprmap", "no such map")


def test_below_a_file(opening, path):
    assert_refused(opening, path / "street.vprmap", "no such map")


def test_a_folder(opening, tmp_path):
    assert_refused(opening, tmp_path, "folder")


def test_an_empty_file(opening, tmp_path):
    path = tmp_path / "empty.vprmap"
    path.touch()
    assert_refused(opening, path, "the file is empty")


def test_no_path_at_all(opening):
    assert_refused(opening, Path("a\0b"), "cannot be opened")
    assert_refused(opening, Path("x" * 5000), "cannot be opened")


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0 a picture", b"text\n" * 5000])
def test_another_kind_of_file(opening, tmp_path, content):
    path = tmp_path / "picture.vprmap"
    path.write_bytes(content)
    assert_refused(opening, path, "not a map")


def test_a_database_of_another_program(opening, tmp_path):
    path = tmp_path / "bag.db3"
    alter(path, "CREATE TABLE topics (id INTEGER)")
    assert_refused(opening, path, "not a map: a database of another program")


def test_a_newer_format(opening, path):
    alter(path, "PRAGMA user_version = 99")
    assert_refused(opening, path, "format 99 is newer than 2.*update vpr_ros")


def test_no_format(opening, path):
    alter(path, "PRAGMA user_version = 0")
    assert_refused(opening, path, "no map format 0")


@pytest.mark.parametrize("name", ["read", "write"])
@pytest.mark.parametrize(
    "other", [replace(SPEC, method="transvpr", global_dim=256), replace(SPEC, std=(2.0, 1.0, 1.0))]
)
def test_made_with_another_model(path, name, other):
    with pytest.raises(MapError) as caught:
        PlaceMap.open(path, other, writable=name == "write")
    for word in (SPEC.method, SPEC.space, other.method, other.space):
        assert word in str(caught.value)
    PlaceMap.open(path, SPEC, writable=True).close()  # the lock was given back


@pytest.mark.parametrize("percent", [1, 10, 30, 50, 70, 90, 99])
def test_truncated(opening, path, percent):
    os.truncate(path, path.stat().st_size * percent // 100)
    assert_refused(opening, path, "truncated or damaged|not a map")


def test_overwritten_in_the_middle(opening, path):
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * 8192)
    assert_refused(opening, path, "damaged")


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE meta",
        "DROP TABLE keyframes",
        "DELETE FROM meta WHERE key = 'codec'",
        "UPDATE meta SET value = 'nonsense' WHERE key = 'model_spec'",
        "UPDATE meta SET value = '{}' WHERE key = 'model_spec'",
    ],
)
def test_incomplete(opening, path, statement):
    alter(path, statement)
    with pytest.raises(MapError, match="damaged"):
        opening(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE global_descriptors SET blob = substr(blob, 1, 40) WHERE keyframe_id = 7",
        "DELETE FROM global_descriptors WHERE keyframe_id = 7",
    ],
)
def test_damaged_global_descriptor_names_its_keyframe(path, statement):
    alter(path, statement)
    assert_refused(OPENINGS["read"], path, "global descriptor of keyframe 7: .*truncated")


def test_damaged_local_features_name_their_keyframe(path):
    alter(
        path,
        "UPDATE local_features SET blob = substr(blob, 1, 40) WHERE keyframe_id = 7",
        "UPDATE local_features SET codec = 'zip' WHERE keyframe_id = 8",
        "DELETE FROM local_features WHERE keyframe_id = 9",
    )
    with PlaceMap.open(path, SPEC) as place_map:
        assert len(place_map.features_of(place_map.table.keys([5, 9]))) == 2
        for number, why in ((7, "truncated"), (8, "unknown codec 'zip'"), (9, "missing")):
            message = f"local features of keyframe {number}: {why}"
            with pytest.raises(MapError, match=message):
                place_map.features_of(place_map.table.keys([number - 1]))


def test_appending_needs_a_model(path):
    with pytest.raises(MapError, match="needs the ModelSpec"):
        PlaceMap.open(path, writable=True)


def test_create_refuses_what_is_there(path, tmp_path):
    before = path.read_bytes()
    assert_refused(lambda p: PlaceMap.create(p, SPEC), path, "already there")
    assert_refused(lambda p: PlaceMap.create(p, SPEC), tmp_path, "already there")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_create_refuses_a_missing_folder(tmp_path):
    path = tmp_path / "missing" / "street.vprmap"
    for start in (PlaceMap.create, PlaceMap.open_or_create):
        assert_refused(lambda p, start=start: start(p, SPEC), path, "folder does not exist")


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_create_refuses_the_log_of_another_map(tmp_path, suffix):
    left_over = tmp_path / f"street.vprmap{suffix}"
    left_over.write_bytes(b"left over")
    path = tmp_path / "street.vprmap"
    assert_refused(lambda p: PlaceMap.create(p, SPEC), path, "left from a map that is gone")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"left over"]


def test_create_refuses_an_unknown_codec(tmp_path):
    with pytest.raises(MapError, match="unknown codec 'zip'"):
        PlaceMap.create(tmp_path / "street.vprmap", SPEC, codec="zip")
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer(path):
    with PlaceMap.open(path, SPEC, writable=True) as place_map:
        for start in (OPENINGS["write"], lambda p: PlaceMap.open_or_create(p, SPEC)):
            assert_refused(start, path, "another program is writing to this map")
        place_map.append(make_keyframe(50))
        place_map.commit()
    PlaceMap.open(path, SPEC, writable=True).close()
