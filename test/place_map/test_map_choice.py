# SPDX-License-Identifier: Apache-2.0
"""Prototypes tell maps apart, and searching by what they say loses nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.place_map.map_choice import MapChoice, search_in_order
from vpr_ros.place_map.prototypes import prototypes_of

DIM, PLACES, MAPS = 32, 60, 6


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def floors(seed=0, maps=MAPS, places=PLACES):
    """Descriptors [M, N, D] of maps whose places are of the same eight types."""
    random = np.random.default_rng(seed)
    types = random.standard_normal((8, DIM))
    kinds = random.integers(8, size=(maps, places))
    return unit(types[kinds] + 0.8 * random.standard_normal((maps, places, DIM)))


def again(descriptors, seed=9, noise=0.05):
    """The same places on another day."""
    random = np.random.default_rng(seed)
    return unit(descriptors + noise * random.standard_normal(descriptors.shape))


def choice(descriptors, **options):
    return MapChoice([prototypes_of(each, **options) for each in descriptors])


def recall(chooser, queries):
    first = [[chooser.belief(each).order[0] for each in rows] for rows in queries]
    return np.mean(np.array(first) == np.arange(len(queries))[:, None])


def test_a_prototype_for_each_map_is_not_enough_where_maps_look_alike():
    descriptors = floors()
    queries = again(descriptors)
    assert recall(choice(descriptors, share=0.0, least=1), queries) < 0.5
    assert recall(choice(descriptors), queries) > 0.7
    assert recall(choice(descriptors, share=1.0), queries) == 1.0


def test_probabilities_add_up_and_bend_to_the_prior():
    descriptors = floors()
    chooser, query = choice(descriptors), again(descriptors)[2, 5]
    plain = chooser.belief(query)
    assert plain.probabilities.sum() + plain.none == pytest.approx(1.0)
    assert plain.order[0] == int(plain.probabilities.argmax())
    bent = chooser.belief(query, prior=[1, 0, 0, 0, 0, 1])
    assert bent.probabilities[1:5].tolist() == [0.0] * 4
    assert set(bent.order[:2]) == {0, 5}
    np.testing.assert_array_equal(bent.bounds, plain.bounds)


def test_images_of_elsewhere_are_likelier_from_none():
    descriptors = floors()
    chooser = choice(descriptors[:3])
    own = [chooser.belief(each).none for each in again(descriptors[:3]).reshape(-1, DIM)]
    strangers = unit(np.random.default_rng(5).standard_normal((180, DIM)))
    foreign = [chooser.belief(each).none for each in strangers]
    assert np.median(foreign) > 0.5 > np.median(own)


def test_maps_without_keyframes_and_maps_alone():
    descriptors = floors(maps=1)
    alone = choice(descriptors)
    assert alone.belief(descriptors[0, 0]).order == [0]
    nothing = np.zeros((0, DIM), np.float32)
    belief = choice([nothing, descriptors[0]]).belief(descriptors[0, 0])
    assert belief.order == [1, 0]
    assert belief.bounds[0] == -1.0
    empty = choice([nothing]).belief(descriptors[0, 0])
    assert empty.probabilities.sum() + empty.none == pytest.approx(1.0)


def searcher(descriptors, query, k):
    def search(number):
        products = descriptors[number] @ query
        best = np.argsort(-products, kind="stable")[:k]
        return [(int(each), float(products[each])) for each in best]

    return search


@given(st.integers(0, 10**6), st.integers(1, 12), st.sampled_from([0.0, 0.05, 1.0, 30.0]))
def test_searching_in_order_finds_what_searching_all_does(seed, k, noise):
    descriptors = floors(seed, maps=4, places=12)
    query = again(descriptors, seed, noise)[seed % 4, seed % 12]
    belief = choice(descriptors, least=3).belief(query)
    found = search_in_order(belief, searcher(descriptors, query, k), k).found
    products = (descriptors @ query).ravel()
    best = np.sort(products)[::-1][:k]
    np.testing.assert_allclose([each[2] for each in found], best, rtol=0, atol=1e-6)
    assert all(descriptors[n][i] @ query == pytest.approx(p, abs=1e-6) for n, i, p in found)


def test_maps_that_cannot_hold_the_answer_are_not_searched():
    """Cities that look different: here lies the time that is saved."""
    random = np.random.default_rng(0)
    cities = unit(random.standard_normal((5, 1, DIM)) + 0.1 * random.standard_normal((5, 40, DIM)))
    for number, query in enumerate(again(cities, noise=0.01)[:, 3]):
        done = search_in_order(choice(cities).belief(query), searcher(cities, query, 5), 5)
        assert done.maps == [number]
        assert {each[0] for each in done.found} == {number}


def test_a_wrong_belief_costs_time_and_nothing_else():
    descriptors = floors(maps=3)
    query = again(descriptors, noise=0.01)[2, 7]
    belief = choice(descriptors).belief(query, prior=[0.5, 0.5, 0.0])
    assert belief.order[2] == 2
    done = search_in_order(belief, searcher(descriptors, query, 1), 1)
    assert done.found[0][:2] == (2, 7)
