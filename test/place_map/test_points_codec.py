# SPDX-License-Identifier: Apache-2.0
"""Points for geometry in little room."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.datatypes import LocalFeatures
from vpr_ros.errors import MapError
from vpr_ros.place_map.points_codec import decode_points, encode_points

SIZE = (1241, 376)


def some_points(count=300, columns=128, seed=0):
    random = np.random.default_rng(seed)
    raw = random.gamma(0.6, 1.0, (count, columns))
    root = np.sqrt(raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    places = random.uniform(-0.5, np.array(SIZE) - 0.5, (count, 2)).astype(np.float32)
    return LocalFeatures(places, random.random(count, np.float32), root, SIZE)


def test_three_hundred_points_of_sift_take_less_than_twelve_kilobytes():
    assert len(encode_points(some_points())) < 12_000


def test_positions_come_back_to_a_fiftieth_of_a_pixel():
    points = some_points()
    back = decode_points(encode_points(points), SIZE)
    assert np.abs(back.keypoints - points.keypoints).max() < 0.02
    np.testing.assert_allclose(back.scores, points.scores, rtol=1e-3)
    assert back.image_size == SIZE
    assert not back.descriptors.flags.writeable


def test_descriptors_still_find_themselves():
    points = some_points()
    back = decode_points(encode_points(points), SIZE).descriptors
    unit = back / np.linalg.norm(back, axis=1, keepdims=True)
    likeness = points.descriptors @ unit.T
    np.testing.assert_array_equal(likeness.argmax(axis=1), np.arange(len(points)))
    assert np.diag(likeness).min() > 0.93


@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, 99))
def test_any_shape_comes_back(count, columns, seed):
    points = some_points(count, columns, seed)
    back = decode_points(encode_points(points), SIZE)
    assert back.descriptors.shape == (count, columns)
    levels = np.unique(back.descriptors)
    assert len(levels) <= 4
    if count:
        off = np.abs(points.descriptors[..., None] - levels).min(axis=-1)
        np.testing.assert_allclose(np.abs(back.descriptors - points.descriptors), off, atol=1e-6)


def test_points_outside_their_image_are_refused():
    points = some_points(3)
    points.keypoints[1] = (2000.0, 5.0)
    with pytest.raises(MapError, match="outside"):
        encode_points(points)


def test_damage_is_noticed():
    blob = bytearray(encode_points(some_points(9)))
    blob[-1] ^= 1
    for damaged in (bytes(blob), bytes(blob[:-1]), b"", None):
        with pytest.raises(MapError):
            decode_points(damaged, SIZE)
