# SPDX-License-Identifier: Apache-2.0
"""What is in a map file: older formats come along, and no flipped bit goes unnoticed."""

import logging
import math
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from map_samples import CAMERA, SPEC, assert_same, make_keyframe, number_of

from vpr_ros.datatypes import Features, LocalFeatures, Pose
from vpr_ros.errors import MapError
from vpr_ros.place_map import PlaceMap, blocks
from vpr_ros.place_map import database as database_module

FORMAT_1 = Path(__file__).parents[1] / "data" / "format1.vprmap"
UUID_1 = "528f5b91-36c7-5007-9d2a-bfd7eaa1ed81"


@pytest.fixture
def old(tmp_path):
    """Twelve keyframes as an earlier version wrote them: two drives, the second by a camera."""
    path = tmp_path / "old.vprmap"
    shutil.copy(FORMAT_1, path)
    return path


def version_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def assert_all_there(place_map):
    assert place_map.uuid == UUID_1
    assert [number_of(record) for record in place_map.table.records()] == list(range(12))
    for number, record in enumerate(place_map.table.records()):
        expected = make_keyframe(number, pose=number != 9)
        assert_same(place_map.features_of([record.key])[0], expected.features)
        assert place_map.thumbnail(record.key) == expected.thumbnail_jpeg
        assert record.pose == expected.pose
        assert record.session == ("monday" if number < 8 else "tuesday")
        found = place_map.search(expected.features.global_descriptor, 1)
        assert found.keys == [record.key]
        assert found.similarities[0] == pytest.approx(1.0)
    assert place_map.calibration().right == (30.0,)
    assert place_map.damages() == []


@pytest.mark.parametrize("writable", [False, True])
def test_a_map_of_format_1_comes_along(old, writable):
    with PlaceMap.open(old, SPEC, writable=writable) as place_map:
        assert_all_there(place_map)
    assert version_of(old) == 2
    assert [file.name for file in old.parent.iterdir()] == [old.name]
    with PlaceMap.open(old, SPEC, writable=True) as place_map:
        assert place_map.append(make_keyframe(12)).id == 13
        place_map.commit()
        assert len(place_map.search(make_keyframe(12).features.global_descriptor, 20)) == 13


def test_mounts_of_format_1_are_turned_to_the_axes_of_images(old):
    with PlaceMap.open(old) as place_map:
        camera = place_map.camera_of(place_map.table.key(10))
        assert place_map.camera_of(place_map.table.key(0)) == CAMERA
    assert (camera.name, camera.mount.position) == ("left", (0.4, -0.1, 1.0))
    x, y, z, w = camera.mount.orientation
    ahead = (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y))
    assert ahead == pytest.approx((0.0, 1.0, 0.0), abs=1e-9), "it looked to the left"


def test_what_cannot_be_written_is_read_from_a_copy(old, monkeypatch):
    before = old.read_bytes()
    monkeypatch.setattr(database_module.Database, "open_to_write", only_elsewhere(old))
    with PlaceMap.open(old, SPEC) as place_map:
        assert_all_there(place_map)
        assert place_map.path == old
    assert old.read_bytes() == before


def only_elsewhere(protected):
    original = database_module.Database.open_to_write

    def open_to_write(path):
        if path == protected:
            raise MapError(f"{path}: no permission to write")
        return original(path)

    return staticmethod(open_to_write)


def test_an_update_that_fails_leaves_the_old_map(old, monkeypatch):
    before = old.read_bytes()
    monkeypatch.setattr("vpr_ros.place_map.migrations._move_features", fail)
    with pytest.raises(MapError, match="disk is full"):
        PlaceMap.open(old, SPEC, writable=True)
    monkeypatch.undo()
    assert old.read_bytes()[100:] == before[100:]  # but for the file's header
    with PlaceMap.open(old, SPEC) as place_map:
        assert_all_there(place_map)


KILLED = """
import os, signal, sys
from vpr_ros.place_map import migrations
from vpr_ros.place_map.database import Database
from pathlib import Path
move = migrations._move_features
def killed(connection):
    move(connection)
    os.kill(os.getpid(), signal.SIGKILL)
migrations._move_features = killed
Database.open_to_write(Path(sys.argv[1]))
"""


def test_an_update_that_is_killed_is_made_again(old):
    done = subprocess.run([sys.executable, "-c", KILLED, str(old)], check=False)
    assert done.returncode == -signal.SIGKILL
    with PlaceMap.open(old, SPEC, writable=True) as place_map:
        assert_all_there(place_map)


def test_an_update_gives_back_the_room_of_what_moved(old):
    PlaceMap.open(old).close()
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)


def test_a_disk_without_room_to_tidy_up_costs_nothing_but_room(old, monkeypatch):
    execute = database_module.Database.execute

    def full(self, query, values=()):
        if query == "VACUUM":
            raise MapError("database or disk is full")
        return execute(self, query, values)

    monkeypatch.setattr(database_module.Database, "execute", full)
    with PlaceMap.open(old, SPEC) as place_map:
        assert_all_there(place_map)


def fail(connection):
    raise sqlite3.OperationalError("database or disk is full")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "street.vprmap"
    with PlaceMap.create(path, SPEC) as place_map:
        place_map.begin_session("monday")
        for number in range(12):
            place_map.append(make_keyframe(number))
        place_map.commit()
        place_map.keep_calibration(calibration_of(FORMAT_1, path.with_name("f1.vprmap")))
    path.with_name("f1.vprmap").unlink()
    return path


def calibration_of(source, copy):
    shutil.copy(source, copy)
    with PlaceMap.open(copy) as place_map:
        return place_map.calibration()


def alter(path, statement):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount > 0


def use_everything(path):
    with PlaceMap.open(path, SPEC) as place_map:
        place_map.search(make_keyframe(3).features.global_descriptor, 12)
        for key in place_map.table.keys(range(len(place_map))):
            place_map.features_of([key])
            place_map.thumbnail(key)
            place_map.camera_of(key)
        place_map.calibration()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE keyframes SET x = x + 0.5 WHERE id = 7", "keyframe 7"),
        ("UPDATE keyframes SET qw = -qw WHERE id = 7", "keyframe 7"),
        ("UPDATE keyframes SET stamp_ns = stamp_ns + 1 WHERE id = 7", "keyframe 7"),
        ("UPDATE keyframes SET session_id = 3 WHERE id = 7", "keyframe 7"),
        ("UPDATE keyframes SET id = 77 WHERE id = 12", "keyframe 77"),
        ("UPDATE sessions SET name = 'mondaz'", "number 1 of its sessions"),
        ("UPDATE frames SET name = 'maq'", "number 1 of its frames"),
        ("UPDATE cameras SET description = replace(description, '640', '641')", "its cameras"),
        ("UPDATE meta SET value = replace(value, '30.0', '31.0') WHERE key = 'calibration'",
         "its calibration"),
        ("UPDATE meta SET value = replace(value, '-', '+') WHERE key = 'uuid'", "its uuid"),
        ("UPDATE meta SET value = replace(value, '64', '65') WHERE key = 'model_spec'",
         "its model_spec"),
        ("UPDATE thumbnails SET jpeg = CAST(jpeg || x'00' AS BLOB) WHERE keyframe_id = 7",
         "thumbnail of keyframe 7"),
        ("UPDATE global_descriptors SET blob = CAST(blob || x'00' AS BLOB) WHERE keyframe_id = 7",
         "global descriptor of keyframe 7"),
        ("UPDATE global_descriptors SET keyframe_id = 77 WHERE keyframe_id = 7",
         "global descriptor of keyframe 7"),
        ("UPDATE local_features SET width = width + 1 WHERE keyframe_id = 7",
         "local features of keyframe 7"),
        ("UPDATE local_features SET blob = CAST(blob || x'00' AS BLOB) WHERE keyframe_id = 7",
         "local features of keyframe 7"),
    ],
)  # fmt: skip
def test_whatever_is_flipped_is_noticed_when_it_is_used(path, statement, named):
    use_everything(path)
    alter(path, statement)
    with pytest.raises(MapError, match=named) as caught:
        use_everything(path)
    assert "restore a copy" in str(caught.value)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE thumbnails SET crc = 0 WHERE keyframe_id = 7", "thumbnail of keyframe 7"),
        ("UPDATE local_features SET crc = 0 WHERE keyframe_id = 7", "features of keyframe 7"),
        ("UPDATE meta SET crc = 0 WHERE key = 'calibration'", "its calibration"),
    ],
)
def test_checking_finds_what_opening_does_not_read(path, statement, named):
    alter(path, statement)
    with PlaceMap.open(path) as place_map:
        (damage,) = place_map.damages()
    assert named in damage


def test_one_damaged_keyframe_does_not_cost_the_others(path):
    alter(path, "UPDATE local_features SET height = 1 WHERE keyframe_id = 7")
    with PlaceMap.open(path, SPEC) as place_map:
        assert len(place_map.search(make_keyframe(6).features.global_descriptor, 12)) == 12
        assert len(place_map.features_of(place_map.table.keys([0, 5, 7]))) == 3
        with pytest.raises(MapError, match="local features of keyframe 7"):
            place_map.features_of(place_map.table.keys([6]))


def test_points_for_geometry_are_kept_beside_the_local_features(tmp_path):
    random = np.random.default_rng(0)
    size = make_keyframe(0).features.image_size
    points = LocalFeatures(
        random.random((9, 2), np.float32) * 99,
        random.random(9, np.float32),
        random.integers(0, 4, (9, 32)).astype(np.float32),  # four levels, so that nothing is lost
        size,
    )
    keyframe = make_keyframe(0)
    both = replace(keyframe.features, points=points)
    same = replace(keyframe.features, points=keyframe.features.local)
    with PlaceMap.create(tmp_path / "m.vprmap", SPEC, codec="float32") as place_map:
        for features in (both, same, keyframe.features):
            place_map.append(replace(keyframe, features=features))
        place_map.commit()
    with PlaceMap.open(tmp_path / "m.vprmap", SPEC) as place_map:
        keys = place_map.table.keys(range(3))
        one, two, three = map(place_map.points_of, keys)
        np.testing.assert_allclose(one.keypoints, points.keypoints, atol=0.01)
        np.testing.assert_allclose(one.scores, points.scores, atol=1e-3)
        np.testing.assert_array_equal(one.descriptors, points.descriptors)
        assert one.image_size == size
        assert_same(Features(both.global_descriptor, two), keyframe.features)
        assert three is None
        for features in place_map.features_of(keys):
            assert_same(features, keyframe.features)
            assert features.points is None
        assert place_map.damages() == []


def test_points_of_another_image_are_refused(tmp_path):
    features = make_keyframe(0).features
    points = replace(features.local, image_size=(9, 9))
    keyframe = replace(make_keyframe(0), features=replace(features, points=points))
    with (
        PlaceMap.create(tmp_path / "m.vprmap", SPEC) as place_map,
        pytest.raises(MapError, match="one image"),
    ):
        place_map.append(keyframe)


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A map of 50 keyframes, the first 48 of them in blocks."""
    monkeypatch.setattr(blocks, "SIZE", 16)
    path = tmp_path / "packed.vprmap"
    with PlaceMap.create(path, SPEC) as place_map:
        for number in range(50):
            place_map.append(make_keyframe(number, pose=number % 7 != 0))
        place_map.commit()
    return path


def answers(path):
    with PlaceMap.open(path, SPEC) as place_map:
        found = place_map.search(make_keyframe(20).features.global_descriptor, 60)
        return place_map.table.records(), found


def rows_of(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_blocks_say_what_rows_say(packed):
    before = answers(packed)
    assert rows_of(packed, "blocks") == 3
    alter(packed, "DELETE FROM blocks")
    assert answers(packed) == before


@pytest.mark.parametrize("column", ["facts", "descriptors"])
def test_a_damaged_block_is_read_from_its_rows(packed, column, caplog):
    before = answers(packed)
    alter(
        packed, f"UPDATE blocks SET {column} = CAST({column} || x'00' AS BLOB) WHERE first_id = 17"
    )
    with caplog.at_level(logging.WARNING):
        assert answers(packed) == before
    assert "the block of keyframes 17 to 32 is damaged: their rows are read" in caplog.text
    with PlaceMap.open(packed) as place_map:
        assert "the block of keyframes 17 to 32: damaged" in " ".join(place_map.damages())


def test_blocks_follow_what_changes(packed):
    with PlaceMap.open(packed, SPEC, writable=True) as place_map:
        place_map.remove(place_map.table.keys([20, 40]))
        place_map.commit()
        assert place_map.damages() == []
    assert rows_of(packed, "blocks") == 3
    records, found = answers(packed)
    assert [number_of(record) for record in records] == [n for n in range(50) if n not in (20, 40)]
    assert len(found) == 48


def test_ids_are_never_used_again(path):
    with PlaceMap.open(path, SPEC, writable=True) as place_map:
        last = place_map.table.key(11)
        place_map.remove([last])
        place_map.commit()
    with PlaceMap.open(path, SPEC, writable=True) as place_map:
        assert place_map.append(make_keyframe(20)).id == last.id + 1


def test_a_copy_is_the_same_map_until_somebody_writes_to_it(path):
    copy, again = path.with_name("copy.vprmap"), path.with_name("again.vprmap")
    with PlaceMap.open(path, SPEC, writable=True) as place_map:
        name = place_map.uuid
        place_map.save_copy(copy)
        place_map.save_copy(again)
    for _ in range(2):
        with PlaceMap.open(copy, SPEC) as place_map:
            assert place_map.uuid == name
    others = set()
    for file in (copy, again):
        with PlaceMap.open(file, SPEC, writable=True) as place_map:
            others.add(place_map.uuid)
        with PlaceMap.open(file) as place_map:
            assert place_map.uuid in others, "it stays what it became"
    with PlaceMap.open(path, SPEC, writable=True) as place_map:
        assert place_map.uuid == name
    assert len({name, *others}) == 3


def test_another_runtime_is_told_and_not_refused(path, caplog):
    with caplog.at_level(logging.INFO):
        PlaceMap.open(path, replace(SPEC, precision="float16")).close()
    assert "its descriptors were made by float32, exporter 1" in caplog.text
    with pytest.raises(MapError, match="made with test_method"):
        PlaceMap.open(path, replace(SPEC, weights_sha256="other"))


def test_a_pose_of_minus_zero_is_kept(tmp_path):
    pose = Pose((-0.0, 1.0, -0.0), (-0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)), "map")
    with PlaceMap.create(tmp_path / "m.vprmap", SPEC) as place_map:
        place_map.append(replace(make_keyframe(0), pose=pose))
        place_map.commit()
    with PlaceMap.open(tmp_path / "m.vprmap") as place_map:
        assert place_map.table.record(0).pose == pose
        assert place_map.damages() == []
