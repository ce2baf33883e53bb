# SPDX-License-Identifier: Apache-2.0
"""A handful of photos that no two look alike."""

import cv2
import numpy as np

COUNT = 6


def photo(seed):
    """Colored ellipses, RGB uint8 [72, 96, 3]."""
    random = np.random.default_rng(seed)
    image = np.full((72, 96, 3), random.integers(0, 255, 3), np.uint8)
    for _ in range(40):
        center = (int(random.integers(96)), int(random.integers(72)))
        axes = tuple(int(value) for value in random.integers(3, 16, 2))
        color = tuple(int(value) for value in random.integers(0, 255, 3))
        cv2.ellipse(image, center, axes, float(random.integers(180)), 0, 360, color, -1)
    return image
