# SPDX-License-Identifier: Apache-2.0
"""What moves with the camera is told from what it sees."""

import numpy as np
import pytest

from vpr_ros.datatypes import Features, LocalFeatures
from vpr_ros.place_map.constant_parts import FEWEST, ConstantParts, from_json, to_json

VIEWS = 30


def with_body(image, body, light=1.0):
    """The lower half is the robot itself."""
    image = image.copy()
    image[120:] = np.clip(light * body[120:].astype(float), 0, 255)
    return image


def grid_of(images):
    parts = ConstantParts()
    for image in images:
        parts.add(image)
    return parts.grid()


def test_scenes_that_change_count_everywhere(scene):
    assert not grid_of(scene(number) for number in range(VIEWS)).any()


@pytest.mark.parametrize("count", [FEWEST, VIEWS])
def test_the_body_is_found_in_any_light(scene, count):
    lights = np.random.default_rng(0).uniform(0.5, 1.2, count)
    grid = grid_of(with_body(scene(n), scene(77), lights[n]) for n in range(count))
    assert grid[8:].mean() > 0.95
    assert grid[:7].mean() < 0.05


def test_few_views_tell_nothing(scene):
    assert not grid_of([scene(1)] * (FEWEST - 1)).any()


def test_an_overlay_is_found(scene):
    images = [scene(number) for number in range(VIEWS)]
    for image in images:
        image[:24, :96] = scene(99)[:24, :96]
    grid = grid_of(images)
    assert grid[0, :4].all()
    assert grid.mean() < 0.08


def test_an_even_sky_hides_nothing(scene):
    images = [scene(number) for number in range(VIEWS)]
    for image in images:
        image[:80] = 250
    assert grid_of(images)[:4].mean() == 0.0


def test_features_on_it_are_left_out(scene):
    grid = grid_of(with_body(scene(n), scene(77)) for n in range(VIEWS))
    points = np.array([[5.0, 5.0], [310.0, 100.0], [5.0, 200.0], [319.4, 239.4]], np.float32)
    local = LocalFeatures(points, points[:, 0], np.eye(4, dtype=np.float32), (320, 240))
    assert local.outside(grid).keypoints.tolist() == points[:2].tolist()
    features = Features(np.ones(4, np.float32), None, local).outside(grid)
    assert features.local is None
    assert features.points.keypoints.tolist() == points[:2].tolist()


def test_grids_are_kept_as_text(scene):
    grid = grid_of(with_body(scene(n), scene(77)) for n in range(VIEWS))
    kept = from_json(to_json({("monday", ""): grid, ("monday = 2", "left"): ~grid}))
    assert np.array_equal(kept["monday", ""], grid)
    assert np.array_equal(kept["monday = 2", "left"], ~grid)
