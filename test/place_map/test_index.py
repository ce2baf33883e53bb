# SPDX-License-Identifier: Apache-2.0
"""Exact search, by faiss and by numpy, against sorting by hand."""

import logging
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.place_map import index as index_module
from vpr_ros.place_map.index import FaissIndex, NumpyIndex, largest, open_index


def by_faiss(dim):
    return FaissIndex(dim, pytest.importorskip("faiss"))


KINDS = pytest.mark.parametrize("empty", [by_faiss, NumpyIndex], ids=["faiss", "numpy"])


def build(empty, descriptors):
    index = empty(descriptors.shape[1])
    for descriptor in descriptors:
        index.add(descriptor[None])
    return index


def flags(count, rows):
    hidden = np.zeros(count, bool)
    hidden[list(rows)] = True
    return hidden


@KINDS
@given(data=st.data())
def test_equals_sorting_ties_and_hidden_ones_included(empty, data):
    """Small whole numbers: inner products are exact in any order, and many are equal."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    size = data.draw(st.integers(0, 60))
    descriptors = rng.integers(-1, 2, (size, 3)).astype(np.float32)
    query = rng.integers(-2, 3, 3).astype(np.float32)
    k = data.draw(st.integers(1, 70))
    hidden = rng.random(size) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    index = empty(3)
    index.add(descriptors)
    rows, similarities = index.search(query, k, hidden)
    shown = [(row, s) for row, s in enumerate(descriptors @ query) if not hidden[row]]
    expected = sorted(shown, key=lambda pair: (-pair[1], pair[0]))[:k]
    assert list(zip(rows.tolist(), similarities.tolist(), strict=True)) == expected


@KINDS
@pytest.mark.parametrize("k", [1, 10, 150, 1000, 5000])
def test_equals_sorting_on_real_sizes(empty, k):
    rng = np.random.default_rng(k)
    descriptors = rng.standard_normal((1000, 256)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    query = descriptors[17] + 0.01 * descriptors[3]
    rows, similarities = build(empty, descriptors).search(query, k, flags(1000, range(399, 499)))
    expected = descriptors.astype(np.float64) @ query.astype(np.float64)
    expected[399:499] = -np.inf
    order = np.argsort(-expected, kind="stable")[: min(k, 900)]
    assert rows.tolist() == order.tolist()
    np.testing.assert_allclose(similarities, expected[order], atol=1e-5)


@KINDS
def test_all_equal_descriptors_come_in_their_order(empty):
    index = build(empty, np.ones((3000, 4), np.float32))
    rows, similarities = index.search(np.ones(4, np.float32), 3, flags(3000, [1]))
    assert rows.tolist() == [0, 2, 3]
    assert similarities.tolist() == [4.0, 4.0, 4.0]


@KINDS
def test_hidden_ones_never_come_back(empty):
    index, query = build(empty, np.eye(5, dtype=np.float32)), np.ones(5, np.float32)
    assert index.search(query, 5, flags(5, range(5)))[0].tolist() == []
    assert index.search(query, 5, flags(5, [0, 2]))[0].tolist() == [1, 3, 4]


@KINDS
def test_empty(empty):
    index = empty(4)
    assert len(index) == 0
    assert len(index.search(np.ones(4, np.float32), 10)[0]) == 0
    assert index.similarities(np.ones(4, np.float32)).shape == (0,)
    assert index.exact(slice(None)).shape == (0, 4)


@KINDS
def test_what_is_removed_is_forgotten_and_the_others_move_up(empty):
    descriptors = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    index, query = build(empty, descriptors), descriptors[3]
    index.remove(np.array([3, 17, 39]))
    left = np.delete(descriptors, [3, 17, 39], axis=0)
    index.add(descriptors[3][None])
    left = np.concatenate([left, descriptors[3][None]])
    np.testing.assert_array_equal(index.exact(slice(None)), left)
    np.testing.assert_array_equal(index.exact(np.array([5, 37])), left[[5, 37]])
    np.testing.assert_allclose(index.similarities(query), left @ query, rtol=1e-5)
    assert index.search(query, 1)[0].tolist() == [37]


def test_without_faiss_numpy_searches_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "faiss", None)
    index_module._faiss.cache_clear()
    try:
        with caplog.at_level(logging.INFO):
            assert [open_index(4).library for _ in range(3)] == ["numpy"] * 3
    finally:
        index_module._faiss.cache_clear()
    assert [record.getMessage() for record in caplog.records] == [
        "faiss is not installed: maps are searched by numpy, which finds the same"
    ]


@pytest.mark.parametrize("length", [1, 5, 255, 256, 257, 5000, 100_003])
@pytest.mark.parametrize("count", [1, 10, 130, 6000])
def test_thelargest_of_many_are_found(length, count):
    values = np.random.default_rng(length).random(length, np.float32)
    found = values[largest(values, count)]
    np.testing.assert_array_equal(np.sort(found), np.sort(values)[-count:])
