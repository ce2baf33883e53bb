# SPDX-License-Identifier: Apache-2.0
"""Several maps searched as one: what is found where, under which name and number."""

from contextlib import ExitStack

import numpy as np
import pytest
from map_samples import SPEC, assert_same, make_keyframe, number_of

from vpr_ros.datatypes import KeyframeKey
from vpr_ros.errors import MapError
from vpr_ros.place_map import MapSet, PlaceMap, maps_in


@pytest.fixture
def floors(tmp_path):
    """Three maps of four keyframes each, whose numbers go on from map to map."""
    with ExitStack() as opened:
        maps = []
        for floor in range(3):
            place_map = PlaceMap.create(tmp_path / f"floor{floor}.vprmap", SPEC)
            opened.enter_context(place_map)
            place_map.begin_session("monday")
            for number in range(4):
                place_map.append(make_keyframe(4 * floor + number))
            place_map.commit()
            maps.append(place_map)
        yield maps


@pytest.fixture
def joined(floors):
    return MapSet(floors[0], floors[1:])


def descriptor(number):
    return make_keyframe(number).features.global_descriptor


def test_the_best_of_all_maps_come_first(joined, floors):
    found = joined.search(descriptor(6), 12)
    assert list(found.similarities) == sorted(found.similarities, reverse=True)
    assert sorted(map(number_of, found.keyframes)) == list(range(12))
    best = found.keyframes[0]
    assert number_of(best) == 6
    assert (joined.path_of(best.key), best.key) == (floors[1].path, (floors[1].uuid, 3))
    assert best.name == "keyframe 3 of floor1/monday"
    assert len(joined.search(descriptor(6), 3)) == 3
    assert len(joined) == 12


def test_keyframes_have_names_of_their_own(joined):
    records = joined.table.records()
    assert len({record.key for record in records}) == 12
    # The map that may grow comes last.
    assert [record.map_name for record in records[::4]] == ["floor1", "floor2", "floor0"]
    for record in records:
        assert joined.record(record.key) == record
        (features,) = joined.features_of([record.key])
        assert_same(features, make_keyframe(number_of(record)).features)
        assert joined.thumbnail(record.key) == make_keyframe(number_of(record)).thumbnail_jpeg
        assert joined.camera_of(record.key) == make_keyframe(number_of(record)).camera


def test_similarities_are_in_the_order_of_the_table(joined):
    query = descriptor(9)
    expected = [float(descriptor(number_of(each)) @ query) for each in joined.table.records()]
    np.testing.assert_allclose(joined.similarities(query), expected, atol=1e-6)


def test_excluded_keyframes_are_excluded_in_their_map_only(joined):
    everything = joined.search(descriptor(6), 12)
    rest = joined.search(descriptor(6), 12, everything.keys[:2])
    assert rest.keyframes == everything.keyframes[2:]


def test_of_equal_ones_those_of_the_map_that_may_grow_come_first(floors):
    for place_map in floors:
        place_map.append(make_keyframe(50))
    found = MapSet(floors[1], [floors[0], floors[2]]).search(descriptor(50), 3)
    assert [key.map for key in found.keys] == [floors[n].uuid for n in (1, 0, 2)]


def test_the_maps_of_a_folder(tmp_path, floors):
    assert maps_in(tmp_path) == [each.path for each in floors]
    assert maps_in(floors[2].path) == [floors[2].path]
    assert maps_in(tmp_path / "new.vprmap") == [tmp_path / "new.vprmap"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(MapError, match=r"empty: no map \(\*\.vprmap\) in this folder"):
        maps_in(tmp_path / "empty")


def test_what_the_main_map_gains_is_found_and_appended(joined, floors):
    table = joined.table
    before = table.records()
    key = joined.append(make_keyframe(20))
    assert joined.table is table, "it grows, and is not made anew"
    assert table.records()[:-1] == before
    assert table.key(12) == key == (floors[0].uuid, 5)
    assert joined.search(descriptor(20), 1).keys == [key]


def test_what_is_removed_makes_another_table(joined, floors):
    table, first = joined.table, floors[0].table.key(0)
    joined.remove([first])
    assert joined.table is not table
    assert joined.table.row_of(first) is None
    assert [number_of(each) for each in joined.table.records()] == [*range(4, 12), 1, 2, 3]
    assert first not in joined.search(descriptor(0), 12).keys


def test_copies_of_one_map_are_refused(floors, tmp_path):
    copy = tmp_path / "copy.vprmap"
    floors[1].save_copy(copy)
    with (
        PlaceMap.open(copy, SPEC) as again,
        pytest.raises(MapError, match=r"floor1\.vprmap and .*copy\.vprmap are copies of one map"),
    ):
        MapSet(floors[0], [floors[1], again])


def test_unknown_keyframes(joined, floors):
    with pytest.raises(MapError, match="there is no map nowhere among 3"):
        joined.record(KeyframeKey("nowhere", 1))
    with pytest.raises(MapError, match=r"floor1\.vprmap: there is no keyframe 99"):
        joined.record(KeyframeKey(floors[1].uuid, 99))
