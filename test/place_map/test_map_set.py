# SPDX-License-Identifier: Apache-2.0
"""Several maps searched as one: what is found where, under which name and number."""

from contextlib import ExitStack

import numpy as np
import pytest
from map_samples import SPEC, assert_same, make_keyframe, number_of

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
    similarities = [similarity for _, similarity in found]
    assert similarities == sorted(similarities, reverse=True)
    assert sorted(number_of(record) for record, _ in found) == list(range(12))
    best = found[0][0]
    assert number_of(best) == 6
    assert joined.locate(best.keyframe_id) == floors[1].locate(3)
    assert best.name == "keyframe 3 of floor1/monday"
    assert len(joined.search(descriptor(6), 3)) == 3
    assert len(joined) == 12


def test_keyframes_and_drives_have_names_of_their_own(joined):
    records = joined.records()
    assert len({record.keyframe_id for record in records}) == 12
    assert [record.session for record in records[::4]] == [
        "floor1/monday",
        "floor2/monday",
        "monday",  # the map that may grow comes last, under its own name
    ]
    for record in records:
        assert joined.record(record.keyframe_id) == record
        (features,) = joined.features_of([record.keyframe_id])
        assert_same(features, make_keyframe(number_of(record)).features)
        expected = make_keyframe(number_of(record)).thumbnail_jpeg
        assert joined.thumbnail(record.keyframe_id) == expected


def test_similarities_are_in_the_order_of_the_records(joined):
    query = descriptor(9)
    expected = [float(descriptor(number_of(each)) @ query) for each in joined.records()]
    np.testing.assert_allclose(joined.similarities(query), expected, atol=1e-6)


def test_excluded_keyframes_are_excluded_in_their_map_only(joined):
    everything = joined.search(descriptor(6), 12)
    left_out = [record.keyframe_id for record, _ in everything[:2]]
    assert joined.search(descriptor(6), 12, left_out) == everything[2:]


def test_the_likeliest_map_is_told(joined, floors):
    assert joined.shares() is None, "nothing was searched yet"
    joined.search(descriptor(6), 3)
    shares = joined.shares()
    assert list(shares.probabilities) == [str(each.path) for each in floors]
    assert max(shares.probabilities, key=shares.probabilities.get) == str(floors[1].path)
    assert sum(shares.probabilities.values()) + shares.none == pytest.approx(1.0)
    assert floors[0].shares() is None


def test_a_map_that_grows_is_likelier_for_what_it_gained(joined, floors):
    joined.search(descriptor(40), 3)
    before = joined.shares().probabilities[str(floors[0].path)]
    floors[0].append(make_keyframe(40))
    (record, similarity), *_ = joined.search(descriptor(40), 3)
    assert (number_of(record), similarity) == (40, pytest.approx(1.0))
    shares = joined.shares().probabilities
    assert shares[str(floors[0].path)] == max(shares.values()) > before


def test_the_maps_of_a_folder(tmp_path, floors):
    assert maps_in(tmp_path) == [each.path for each in floors]
    assert maps_in(floors[2].path) == [floors[2].path]
    assert maps_in(tmp_path / "new.vprmap") == [tmp_path / "new.vprmap"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(MapError, match=r"empty: no map \(\*\.vprmap\) in this folder"):
        maps_in(tmp_path / "empty")


def test_what_the_main_map_gains_is_found_and_appended(joined, floors):
    before = joined.records()
    keyframe_id = floors[0].append(make_keyframe(20))
    assert joined.records()[:-1] == before
    assert joined.records()[-1].keyframe_id == keyframe_id
    assert joined.search(descriptor(20), 1)[0][0].keyframe_id == keyframe_id


def test_unknown_keyframes(joined):
    with pytest.raises(MapError, match="there is no map 7 among 3"):
        joined.record(7 << 40)
    with pytest.raises(MapError, match=r"floor1\.vprmap: there is no keyframe 99"):
        joined.record((1 << 40) + 99)
