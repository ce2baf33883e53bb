# SPDX-License-Identifier: Apache-2.0
"""Points as directions, and which of two images belong together."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import PLAIN, World, at, looks

from vpr_ros.geometry.cameras import CameraError
from vpr_ros.geometry.points import FULL_PIXELS, Sight, matched


def test_points_become_directions_and_unit_descriptors():
    world = World()
    points = world.seen(at())
    sight = Sight.of(replace(points, descriptors=3.0 * points.descriptors), PLAIN)
    assert len(sight) == len(points) > 100
    np.testing.assert_allclose(np.linalg.norm(sight.descriptors, axis=1), 1.0, atol=1e-6)
    assert sight.noise == pytest.approx(0.7 / 400.0 * np.sqrt(640 * 480 / FULL_PIXELS))


def test_points_that_are_no_numbers_are_left_out():
    points = World().seen(at())
    points.keypoints[3] = np.nan
    points.descriptors[5] = np.nan
    sight = Sight.of(points, PLAIN)
    assert len(sight) == len(points) - 2
    kept = np.delete(points.keypoints, [3, 5], axis=0)
    np.testing.assert_allclose(sight.places * points.image_size, kept, rtol=1e-6)


def test_a_camera_that_is_not_known_gives_no_directions():
    with pytest.raises(CameraError, match="not calibrated"):
        Sight.of(World().seen(at()), None)


def test_the_same_descriptors_find_each_other():
    left = looks(50)
    order = np.random.default_rng(3).permutation(50)
    rows, others = matched(left @ left[order].T, 0.8)
    np.testing.assert_array_equal(rows, np.arange(50))
    np.testing.assert_array_equal(order[others], rows)


def test_what_looks_alike_twice_is_not_matched():
    left = looks(4)
    right = np.vstack([left, left[:1]])
    rows, _ = matched(left @ right.T, 0.9)
    assert rows.tolist() == [1, 2, 3]


def test_only_what_is_allowed_is_matched():
    left, allowed = looks(4), np.eye(4, dtype=bool)
    allowed[2, 2] = False
    assert matched(left @ left.T, 0.9, allowed)[0].tolist() == [0, 1, 3]
    assert matched(left @ left.T, 0.9, np.zeros((4, 4), bool))[0].tolist() == []


@pytest.mark.parametrize(("left", "right"), [(0, 3), (3, 0), (0, 0), (1, 1)])
def test_few_descriptors_are_no_error(left, right):
    rows, others = matched(looks(left) @ looks(right).T, 0.9)
    assert len(rows) == len(others) == min(left, right)
