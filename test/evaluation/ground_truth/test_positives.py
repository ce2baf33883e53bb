# SPDX-License-Identifier: Apache-2.0
"""Positives by distance and angle: against all pairs, at the borders, and with many images."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.datatypes import Pose
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth import positives
from vpr_ros.evaluation.ground_truth.positives import Places, orientations_of, positives_within
from vpr_ros.geometry.poses import angle


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 0.7]), st.sampled_from([7, 2_000_000]))
def test_agrees_with_all_pairs(seed, max_angle, block):
    random = np.random.default_rng(seed)
    sides = []
    for count in (15, 40):
        turns = random.normal(size=(count, 4))
        turns /= np.linalg.norm(turns, axis=1, keepdims=True)
        sides.append(Places(random.uniform(0.0, 60.0, (count, 3)), turns))
    queries, database = sides
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(positives, "_BLOCK_PAIRS", block)
        found = positives_within(queries, database, 25.0, max_angle)
    for query, hits in enumerate(found):
        near = np.linalg.norm(database.positions - queries.positions[query], axis=1) <= 25.0
        for index in np.flatnonzero(near):
            pair = [
                Pose((0.0, 0.0, 0.0), tuple(side.orientations[i]), "")
                for side, i in ((queries, query), (database, index))
            ]
            near[index] = max_angle is None or angle(*pair) <= max_angle
        assert hits.tolist() == np.flatnonzero(near).tolist()


def test_borders_belong_to_it():
    queries = Places(np.zeros((1, 2)), orientations_of([0.0]))
    turns = orientations_of(np.radians([40.0, -40.0, 40.001, 180.0]))
    database = Places(np.array([[25.0, 0.0], [0.0, -25.0], [1.0, 0.0], [1.0, 0.0]]), turns)
    (found,) = positives_within(queries, database, 25.0, math.radians(40.0))
    assert found.tolist() == [0, 1]
    (found,) = positives_within(queries, database, 24.999)
    assert found.tolist() == [2, 3]


def test_headings_wrap():
    queries = Places(np.zeros((1, 2)), orientations_of(np.radians([179.0])))
    database = Places(np.zeros((1, 2)), orientations_of(np.radians([-179.0])))
    assert positives_within(queries, database, 1.0, math.radians(3.0))[0].tolist() == [0]


def test_unknown_places_are_near_nothing():
    known = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "map")
    places = Places.of_poses([known, None])
    found = positives_within(places, places, 5.0, 0.5)
    assert [each.tolist() for each in found] == [[0], []]


def test_memory_stays_bounded_where_all_are_near_in_x():
    random = np.random.default_rng(0)
    line = np.stack([np.zeros(20_000), random.uniform(0.0, 1e5, 20_000)], axis=1)
    tracemalloc.start()
    found = positives_within(Places(line[:2000]), Places(line))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 2000
    assert min(map(len, found)) >= 1
    assert peak < 200e6


def test_twenty_thousand_on_both_sides():
    steps = np.random.default_rng(0).normal(size=(20_000, 2))
    walk = Places(np.cumsum(5.0 * steps, axis=0))
    found = positives_within(walk, walk)
    assert all(index in hits for index, hits in enumerate(found))


@pytest.mark.parametrize(
    ("distance", "max_angle", "said"),
    [(-1.0, None, "distance = -1"), (math.nan, None, "distance"), (1.0, 0.0, "angle = 0")],
)
def test_bad_limits(distance, max_angle, said):
    places = Places(np.zeros((1, 2)), orientations_of([0.0]))
    with pytest.raises(DatasetError, match=said):
        positives_within(places, places, distance, max_angle)


def test_angles_need_headings():
    places = Places(np.zeros((1, 2)))
    with pytest.raises(DatasetError, match="need headings"):
        positives_within(places, places, 1.0, 1.0)
    with pytest.raises(DatasetError, match="two or three"):
        positives_within(places, Places(np.zeros((1, 3))))
