# SPDX-License-Identifier: Apache-2.0
"""What is said of two views' pixels is so: the same point of the photo has the same color."""

import cv2
import numpy as np
import pytest

from vpr_ros.training.views import ViewRecipe, pair_of_views, second_T_first

SIZE = (176, 128)


def smooth(seed, height=180, width=320):
    """A photo whose colors change slowly, so that interpolation hardly matters."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def colors(image, points):
    """At points in pixels from the image's edge."""
    grid = (points - 0.5).astype(np.float32)[None]
    return cv2.remap(image, grid, None, cv2.INTER_LINEAR)[0].astype(float)


def moved(points, matrix):
    """Points [P, 2] under a homography; NaN for those that lie behind the camera."""
    lifted = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    return lifted[:, :2] / np.where(lifted[:, 2:] > 1e-9, lifted[:, 2:], np.nan)


def inside(points, size, margin=2.0):
    limits = np.array(size) - margin
    return ((points > margin) & (points < limits)).all(axis=1)


@pytest.mark.parametrize("seed", range(8))
def test_pixels_correspond(seed):
    random = np.random.default_rng(seed)
    first, second = pair_of_views((smooth(seed),) * 2, SIZE, ViewRecipe(), random)
    points = random.uniform(0, 1, (400, 2)) * SIZE
    there = moved(points, second_T_first(first, second))
    # Beyond the photo's edge both views are mirrored, each for itself.
    photo = moved(points, np.linalg.inv(first.view_T_photo))
    seen = inside(there, SIZE) & inside(points, SIZE) & inside(photo, (320, 180))
    assert seen.sum() > 40
    difference = colors(first.image, points[seen]) - colors(second.image, there[seen])
    assert np.abs(difference).mean() < 2.5
    shifted = colors(first.image, points[seen]) - colors(second.image, there[seen] + 4.0)
    assert np.abs(difference).mean() < 0.5 * np.abs(shifted).mean()


def test_the_whole_photo_is_the_identity_but_for_its_size():
    whole = ViewRecipe(least_share=1.0, stretch=0.0, roll=0.0, tilt=0.0, flip=0.0)
    view, _ = pair_of_views((smooth(0),) * 2, (320, 180), whole, np.random.default_rng(0))
    np.testing.assert_allclose(view.view_T_photo, np.eye(3), atol=1e-6)
    np.testing.assert_array_equal(view.image, smooth(0))


def test_mirrored_photos_are_mirrored_in_both_views():
    recipe = ViewRecipe(least_share=1.0, stretch=0.0, roll=0.0, tilt=0.0, flip=1.0)
    first, second = pair_of_views((smooth(1),) * 2, (320, 180), recipe, np.random.default_rng(0))
    np.testing.assert_array_equal(first.image, smooth(1)[:, ::-1])
    np.testing.assert_array_equal(first.image, second.image)


def test_same_seed_same_views():
    pairs = [
        pair_of_views((smooth(2),) * 2, SIZE, ViewRecipe(), np.random.default_rng(5))
        for _ in range(2)
    ]
    for left, right in zip(*pairs, strict=True):
        np.testing.assert_array_equal(left.image, right.image)
