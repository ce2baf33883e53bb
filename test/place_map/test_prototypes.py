# SPDX-License-Identifier: Apache-2.0
"""Prototypes stand for all keyframes of a map, and bound what is not looked at."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_samples import SPEC, make_keyframe

from vpr_ros.errors import MapError
from vpr_ros.place_map import PlaceMap
from vpr_ros.place_map.prototype_table import PrototypeTable
from vpr_ros.place_map.prototypes import Prototypes, prototypes_of

EMPTY = Prototypes(np.zeros((0, 8), np.float32), np.zeros(0, np.float32), 0)


def units(seed, count, dim=8, spread=1.0):
    random = np.random.default_rng(seed)
    center = random.standard_normal(dim)
    rows = center + spread * random.standard_normal((count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def compared(made, query):
    """What the prototypes of one map say of an image."""
    found = PrototypeTable([made]).compare(query)
    return float(found.likeness[0]), float(found.bounds[0])


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (10, 10), (40, 16), (200, 50)])
def test_a_quarter_of_the_places_and_sixteen_at_least(count, expected):
    made = prototypes_of(units(0, count))
    assert (len(made), made.count) == (expected, count)
    np.testing.assert_allclose(np.linalg.norm(made.centers, axis=1), 1.0, rtol=1e-5)
    assert made.centers.shape == (expected, 8)


def test_places_that_are_seen_often_get_no_more_prototypes():
    """A robot that waits: ninety keyframes of one place, ten of others."""
    waiting = units(1, 1).repeat(90, axis=0)
    others = np.eye(8, dtype=np.float32)
    made = prototypes_of(np.concatenate([waiting, others]), share=0.09, least=1)
    assert len(made) == 9
    assert all((made.centers @ each).max() > 0.999 for each in others)


@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from([0.05, 0.3, 3.0]))
def test_no_keyframe_is_nearer_than_the_bound(seed, count, spread):
    descriptors, query = units(seed, count, spread=spread), units(seed + 1, 1, spread=spread)[0]
    made = prototypes_of(descriptors, least=2)
    for each in (made, EMPTY.extended(descriptors), made.extended(units(seed + 2, 5))):
        likeness, bound = compared(each, query)
        assert bound >= float((descriptors @ query).max()) - 1e-6
        assert likeness <= bound
        assert all(compared(each, own)[1] >= 1 - 1e-6 for own in descriptors)


def test_the_bound_is_worth_something():
    descriptors = units(3, 100, spread=0.1)
    away = -descriptors.mean(axis=0) / np.linalg.norm(descriptors.mean(axis=0))
    assert compared(prototypes_of(descriptors), away)[1] < -0.8
    assert compared(EMPTY, away) == (-1.0, -1.0)


def test_maps_are_compared_together_as_alone():
    maps = [EMPTY, prototypes_of(units(5, 30)), EMPTY, prototypes_of(units(6, 90)), EMPTY]
    table, query = PrototypeTable(maps), units(7, 1)[0]
    alone = [compared(each, query) for each in maps]
    np.testing.assert_allclose(np.stack(table.compare(query)).T, alone, rtol=0, atol=1e-6)
    assert table.is_of().sum(axis=1).tolist() == [len(each) for each in maps]


def test_what_is_new_becomes_a_prototype_and_what_is_known_does_not():
    made = prototypes_of(units(3, 100, spread=0.1))
    assert len(made.extended(units(3, 20, spread=0.1))) == len(made)
    far = np.concatenate([units(3, 2, spread=0.1), -units(3, 1, spread=0.1)])
    extended = made.extended(far)
    assert (len(extended), extended.count) == (len(made) + 1, 103)
    np.testing.assert_array_equal(extended.centers[-1], far[2])


@pytest.fixture
def file(tmp_path):
    """A map of thirty keyframes that knows its prototypes."""
    path = tmp_path / "kept.vprmap"
    with PlaceMap.create(path, SPEC) as place_map:
        for number in range(30):
            place_map.append(make_keyframe(number))
        place_map.keep_prototypes()
    return path


def test_a_map_keeps_its_prototypes(file):
    with PlaceMap.open(file, SPEC) as place_map:
        kept = place_map.prototypes()
        rows = np.stack([make_keyframe(n).features.global_descriptor for n in range(30)])
        made = prototypes_of(rows)
        assert kept.count == 30
        for name in ("centers", "radii"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(made, name))
        with pytest.raises(MapError, match="opened for reading"):
            place_map.keep_prototypes()


def test_prototypes_follow_a_map_that_grows(file):
    with PlaceMap.open(file, SPEC, writable=True) as place_map:
        for number in range(30, 40):
            place_map.append(make_keyframe(number))
        grown = place_map.prototypes()
        assert grown.count == 40
        query = make_keyframe(33).features.global_descriptor
        assert compared(grown, query)[1] >= 1 - 1e-6
        place_map.keep_prototypes()
    with PlaceMap.open(file, SPEC) as place_map:
        assert place_map.prototypes().count == 40


def test_what_was_undone_is_forgotten(file, monkeypatch):
    with PlaceMap.open(file, SPEC, writable=True) as place_map:
        place_map.append(make_keyframe(30))
        assert place_map.prototypes().count == 31
        monkeypatch.setattr(place_map._database, "commit", full_disk)
        with pytest.raises(MapError, match="1 keyframes"):
            place_map.commit()
        assert place_map.prototypes().count == 30


def full_disk():
    raise MapError("no space left")


def test_damaged_prototypes_are_refused(file):
    with sqlite3.connect(file) as connection:
        (blob,) = connection.execute("SELECT value FROM meta WHERE key = 'prototypes'").fetchone()
        broken = blob[:40] + bytes([blob[40] ^ 1]) + blob[41:]
        connection.execute("UPDATE meta SET value = ? WHERE key = 'prototypes'", (broken,))
    connection.close()
    with PlaceMap.open(file, SPEC) as place_map, pytest.raises(MapError, match="its prototypes"):
        place_map.prototypes()


def test_maps_of_many_keyframes_get_fewer_so_that_it_takes_no_minutes(monkeypatch):
    monkeypatch.setattr("vpr_ros.place_map.prototypes._AFFORDABLE", 200 * 8 * 30)
    descriptors = units(4, 200)
    made = prototypes_of(descriptors)
    assert len(made) == 30
    assert all(compared(made, each)[1] >= 1 - 1e-6 for each in descriptors)
