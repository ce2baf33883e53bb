# SPDX-License-Identifier: Apache-2.0
"""Scenes that every test may draw, and hypothesis without a stopwatch."""

import cv2
import numpy as np
import pytest
from hypothesis import settings

# Machines that build packages are busy: time says nothing about whether a property holds.
settings.register_profile("vpr_ros", deadline=None)
settings.load_profile("vpr_ros")


def draw_scene(seed, height=240, width=320):
    """A facade of colored rectangles that no other seed draws, RGB uint8 [H, W, 3]."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), random.integers(60, 200, 3), np.uint8)
    for _ in range(height * width // 600):
        x, y = int(random.integers(width)), int(random.integers(height))
        corner = (x + int(random.integers(6, 40)), y + int(random.integers(6, 30)))
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.rectangle(image, (x, y), corner, color, -1)
    return image


@pytest.fixture(scope="session")
def scene():
    """The function that draws a scene from a seed."""
    return draw_scene
