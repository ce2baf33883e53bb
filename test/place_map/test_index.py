# SPDX-License-Identifier: Apache-2.0
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.place_map.index import DescriptorIndex


def build(descriptors, ids=None):
    index = DescriptorIndex(descriptors.shape[1])
    ids = range(1, len(descriptors) + 1) if ids is None else ids
    for keyframe_id, descriptor in zip(ids, descriptors, strict=True):
        index.add([keyframe_id], descriptor[None])
    return index


def by_hand(descriptors, ids, query, k, exclude):
    similarities = descriptors @ query
    shown = [(i, s) for i, s in zip(ids, similarities, strict=True) if i not in exclude]
    return sorted(shown, key=lambda pair: (-pair[1], pair[0]))[:k]


@given(data=st.data())
def test_equals_numpy_ties_and_exclusions_included(data):
    """Small whole numbers: inner products are exact in any order, and many are equal."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    size = data.draw(st.integers(0, 60))
    descriptors = rng.integers(-1, 2, (size, 3)).astype(np.float32)
    ids = np.cumsum(rng.integers(1, 4, size)).tolist()
    query = rng.integers(-2, 3, 3).astype(np.float32)
    k = data.draw(st.integers(1, 70))
    exclude = data.draw(st.sets(st.integers(-1, 100)))
    index = DescriptorIndex(3)
    if size:
        index.add(ids, descriptors)
    assert index.search(query, k, exclude) == by_hand(descriptors, ids, query, k, exclude)


@pytest.mark.parametrize("k", [1, 10, 150, 1000, 5000])
def test_equals_numpy_on_real_sizes(k):
    rng = np.random.default_rng(k)
    descriptors = rng.standard_normal((1000, 256)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    index = build(descriptors)
    query = descriptors[17] + 0.01 * descriptors[3]
    found = index.search(query, k, exclude=range(400, 500))
    expected = descriptors.astype(np.float64) @ query.astype(np.float64)
    expected[399:499] = -np.inf
    order = np.argsort(-expected, kind="stable")[: min(k, 900)]
    assert [keyframe_id for keyframe_id, _ in found] == (order + 1).tolist()
    np.testing.assert_allclose([s for _, s in found], expected[order], atol=1e-5)


def test_all_equal_descriptors_come_by_id():
    index = build(np.ones((3000, 4), np.float32))
    found = index.search(np.ones(4, np.float32), 3, exclude=[2])
    assert found == [(1, 4.0), (3, 4.0), (4, 4.0)]


def test_excluded_never_come_back():
    index = build(np.eye(5, dtype=np.float32))
    query = np.ones(5, np.float32)
    assert index.search(query, 5, exclude=range(1, 6)) == []
    assert [i for i, _ in index.search(query, 5, exclude={1, 3, 99})] == [2, 4, 5]


def test_empty():
    index = DescriptorIndex(4)
    assert len(index) == 0
    assert index.search(np.ones(4, np.float32), 10) == []


def test_truncate_forgets_the_last():
    descriptors = np.eye(6, dtype=np.float32)
    index = build(descriptors)
    index.truncate(4)
    assert len(index) == 4
    assert [i for i, _ in index.search(descriptors[5], 6)] == [1, 2, 3, 4]
    index.add([5], descriptors[5][None])
    assert index.search(descriptors[5], 1) == [(5, 1.0)]


def test_missing_faiss_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MapError, match="pip install faiss-cpu"):
        DescriptorIndex(4)


def test_similarities_to_all_come_in_order_and_follow_changes():
    descriptors = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
    index, query = DescriptorIndex(8), descriptors[3]
    assert index.similarities(query).shape == (0,)
    index.add(range(1, 31), descriptors[:30])
    np.testing.assert_allclose(index.similarities(query), descriptors[:30] @ query, rtol=1e-5)
    index.add(range(31, 41), descriptors[30:])
    index.truncate(35)
    kept = index.similarities(query)
    index.truncate(0)
    np.testing.assert_allclose(kept, descriptors[:35] @ query, rtol=1e-5)
