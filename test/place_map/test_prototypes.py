# SPDX-License-Identifier: Apache-2.0
"""Prototypes stand for all keyframes of a map."""

import numpy as np
import pytest

from vpr_ros.place_map.prototypes import prototypes_of


def units(seed, count, dim=8, spread=1.0):
    random = np.random.default_rng(seed)
    center = random.standard_normal(dim)
    rows = center + spread * random.standard_normal((count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (10, 10), (40, 16), (200, 50)])
def test_a_quarter_of_the_places_and_sixteen_at_least(count, expected):
    made = prototypes_of(units(0, count))
    assert made.shape == (expected, 8)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1.0, rtol=1e-5)


def test_places_that_are_seen_often_get_no_more_prototypes():
    """A robot that waits: ninety keyframes of one place, ten of others."""
    waiting = units(1, 1).repeat(90, axis=0)
    others = np.eye(8, dtype=np.float32)
    made = prototypes_of(np.concatenate([waiting, others]), share=0.09, least=1)
    assert len(made) == 9
    assert all((made @ each).max() > 0.999 for each in others)


def test_maps_of_many_keyframes_get_fewer_so_that_it_takes_no_minutes(monkeypatch):
    monkeypatch.setattr("vpr_ros.place_map.prototypes._AFFORDABLE", 200 * 8 * 30)
    assert len(prototypes_of(units(4, 200))) == 30
