# SPDX-License-Identifier: Apache-2.0
"""Every change of appearance changes something, and moves nothing."""

import cv2
import numpy as np
import pytest

from vpr_ros.training import appearance
from vpr_ros.training.appearance import AppearanceRecipe, changed

CHANGES = ("at_night", "shadowed", "in_fog", "in_rain", "occluded", "blurred", "noisy")


def scene():
    image = np.full((96, 128, 3), 60, np.uint8)
    cv2.rectangle(image, (30, 20), (80, 70), (200, 160, 90), -1)
    cv2.circle(image, (100, 50), 15, (20, 220, 120), -1)
    return image


@pytest.mark.parametrize("name", CHANGES)
def test_a_change(name):
    values = scene().astype(np.float32) / 255
    before = values.copy()
    for seed in range(6):
        result = getattr(appearance, name)(values, np.random.default_rng(seed))
        assert (result.shape, result.dtype) == (values.shape, np.float32)
        assert np.isfinite(result).all()
        assert np.abs(result - values).max() > 0.01
    np.testing.assert_array_equal(values, before)


def test_nothing_to_change():
    nothing = AppearanceRecipe(*(0.0,) * 10)
    result = changed(scene(), nothing, np.random.default_rng(0))
    assert np.abs(result.astype(int) - scene()).max() <= 1


def test_everything_at_once():
    everything = AppearanceRecipe(1.0, *(1.0,) * 9)
    results = [changed(scene(), everything, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()
    assert (results[0].shape, results[0].dtype) == ((96, 128, 3), np.uint8)


def test_edges_stay_where_they_are():
    """Averaged over many looks, the edge of the rectangle is where it was."""
    recipe = AppearanceRecipe()
    looks = [changed(scene(), recipe, np.random.default_rng(seed)) for seed in range(60)]
    profile = np.mean([look[30:60].mean(axis=(0, 2)) for look in looks], axis=0)
    steps = np.abs(np.diff(profile))[10:60]
    assert abs(int(steps.argmax()) + 10 - 29) <= 1
