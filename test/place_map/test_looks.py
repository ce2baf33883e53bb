# SPDX-License-Identifier: Apache-2.0
"""How far drives look away from one another."""

import numpy as np
import pytest
from map_samples import SPEC, make_keyframe

from vpr_ros.datatypes import Features, Keyframe
from vpr_ros.place_map import MapSet, PlaceMap, looks_of

DIM = SPEC.global_dim


def drive(place_map, name, light, count=40, seed=0):
    """Random views that all have something in common, the more the more light."""
    random = np.random.default_rng(seed)
    place_map.begin_session(name)
    for number in range(count):
        view = random.normal(size=DIM) / np.sqrt(DIM) + light
        descriptor = (view / np.linalg.norm(view)).astype(np.float32)
        sample = make_keyframe(number)
        place_map.append(Keyframe(number * 10**9, Features(descriptor, sample.features.local)))
    place_map.commit()


def lit(axis, strength=1.5):
    light = np.zeros(DIM)
    light[axis] = strength
    return light


@pytest.fixture
def two_days(tmp_path):
    with PlaceMap.create(tmp_path / "a.vprmap", SPEC) as place_map:
        drive(place_map, "day", lit(0))
        drive(place_map, "day again", lit(0), seed=1)
        drive(place_map, "night", lit(1), seed=2)
        yield place_map


def test_a_night_is_farther_from_the_days_than_they_are_from_one_another(two_days):
    apart = looks_of(two_days).between()
    assert list(apart) == ["day", "day again", "night"]
    assert apart["day"] == apart["day again"] < 0.5 * apart["night"]


def test_other_images_are_compared_with_the_nearest_drive(two_days):
    looks = looks_of(two_days)
    assert looks.distance(looks.means[2]) == 0.0
    assert looks.distance(looks.means[2] + lit(3, looks.spread)) == pytest.approx(1.0)


def test_drives_of_few_keyframes_do_not_count(tmp_path):
    with PlaceMap.create(tmp_path / "a.vprmap", SPEC) as place_map:
        assert looks_of(place_map) is None
        drive(place_map, "short", lit(0), count=19)
        assert looks_of(place_map) is None
        drive(place_map, "long", lit(0), count=20)
        assert looks_of(place_map).sessions == ("long",)
        assert looks_of(place_map).between() == {}


def test_a_map_that_shows_always_the_same_tells_nothing(tmp_path):
    with PlaceMap.create(tmp_path / "a.vprmap", SPEC) as place_map:
        for _ in range(30):
            place_map.append(make_keyframe(1))
        assert looks_of(place_map) is None


def test_drives_of_several_maps_are_compared(tmp_path, two_days):
    with PlaceMap.create(tmp_path / "b.vprmap", SPEC) as other:
        drive(other, "night", lit(1), seed=3)
        joined = MapSet(two_days, [other])
        assert sorted(looks_of(joined).sessions) == ["day", "day again", "night", "night"]


def test_descriptors_of_several_maps_come_in_the_order_of_the_rows(tmp_path, two_days):
    with PlaceMap.create(tmp_path / "b.vprmap", SPEC) as other:
        drive(other, "night", lit(1), seed=3)
        joined = MapSet(two_days, [other])
        every = joined.descriptors()
        assert every.shape == (160, DIM)
        rows = np.array([150, 3, 41, 39, 0])
        np.testing.assert_array_equal(joined.descriptors(rows), every[rows])
        keys = joined.table.keys(rows.tolist())
        kept = [features.global_descriptor for features in joined.features_of(keys)]
        np.testing.assert_array_equal(joined.descriptors(rows), kept)
