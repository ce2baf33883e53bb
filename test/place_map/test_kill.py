# SPDX-License-Identifier: Apache-2.0
"""A mapper killed at any moment leaves a map that opens, is complete and can be continued."""

import random
import sqlite3
import time
from contextlib import closing

import pytest
from map_samples import (
    REAL_SPEC,
    SPEC,
    assert_same,
    make_real_keyframe,
    number_of,
    start,
)

from vpr_ros.datatypes import KeyframeKey
from vpr_ros.place_map import PlaceMap

KILLS_ON_ONE_MAP = 12
KILLS_ON_NEW_MAPS = 8


def kill_during(verb, path, seed, longest_s):
    """Kill a process at a random moment of its work and return all it had reported."""
    process = start(verb, path, seed)
    time.sleep(random.Random(seed).uniform(0.0, longest_s))
    process.kill()
    lines, _ = process.communicate(timeout=30)
    return [int(word) for word in lines.split()]


def quick_check(path):
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("PRAGMA quick_check").fetchall()


def assert_holds(place_map, ids):
    keys = [KeyframeKey(place_map.uuid, each) for each in ids]
    for key, features in zip(keys, place_map.features_of(keys), strict=True):
        number = number_of(place_map.record(key))
        expected = make_real_keyframe(number)
        assert_same(features, expected.features)
        assert place_map.record(key).pose == expected.pose
        assert place_map.thumbnail(key) == expected.thumbnail_jpeg


def assert_continues(path, committed):
    """Check one killed map and append to it; return its keyframes."""
    assert quick_check(path) == [("ok",)]
    with PlaceMap.open(path, REAL_SPEC, writable=True) as place_map:
        assert [number_of(record) for record in place_map.table.records()] == list(
            range(len(place_map))
        )
        assert_holds(place_map, committed)
        keyframe = make_real_keyframe(len(place_map))
        added = place_map.append(keyframe)
        place_map.commit()
        found = place_map.search(keyframe.features.global_descriptor, 1)
        assert found.keys == [added]
        return [record.key.id for record in place_map.table.records()]


def test_killed_again_and_again_on_one_map(tmp_path):
    path = tmp_path / "growing.vprmap"
    before = []
    for seed in range(KILLS_ON_ONE_MAP):
        committed = kill_during("map", path, seed, longest_s=0.25)
        after = assert_continues(path, committed)
        assert set(before) | set(committed) <= set(after)
        before = after
    with PlaceMap.open(path, REAL_SPEC) as place_map:
        assert_holds(place_map, before)
        assert len(place_map.info().sessions) > KILLS_ON_ONE_MAP // 2
    assert [file.name for file in tmp_path.iterdir()] == ["growing.vprmap"]


@pytest.mark.parametrize("seed", range(100, 100 + KILLS_ON_NEW_MAPS))
def test_killed_on_a_new_map(tmp_path, seed):
    path = tmp_path / "new.vprmap"
    committed = kill_during("map", path, seed, longest_s=0.05)
    assert set(committed) <= set(assert_continues(path, committed))


@pytest.mark.parametrize("seed", range(200, 205))
def test_killed_while_creating(tmp_path, seed):
    kill_during("create", tmp_path, seed, longest_s=0.05)
    maps = list(tmp_path.glob("*.vprmap"))
    for path in maps:
        assert quick_check(path) == [("ok",)]
        PlaceMap.open(path, SPEC, writable=True).close()
    following = tmp_path / f"{len(maps)}.vprmap"
    PlaceMap.create(following, SPEC).close()  # over what the killed process left
    assert sorted(tmp_path.iterdir()) == sorted([*maps, following])


def test_killed_writer_gives_its_lock_back(tmp_path):
    path = tmp_path / "street.vprmap"
    kill_during("map", path, seed=0, longest_s=0.01)
    assert path.with_name("street.vprmap-lock").exists()
    PlaceMap.open(path, REAL_SPEC, writable=True).close()
    assert not path.with_name("street.vprmap-lock").exists()
