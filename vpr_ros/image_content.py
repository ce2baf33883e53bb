# SPDX-License-Identifier: Apache-2.0
"""Whether an image shows anything: a covered lens, noise or a test picture tell no place.

What a place is known by are details that are nowhere in one line: whatever a few layers, each a
column times a row, cannot make up. Blank and saturated images have none, nor have color bars,
ramps, checkerboards and vignettes. Noise has, but it fades like noise when pixels are averaged.
"""

from __future__ import annotations

import cv2
import numpy as np

from vpr_ros.datatypes import FloatArray, ImageArray

_SIZE, _BLOCK = (320, 240), 4  # pixels looked at, and how many of them, squared, are averaged
_LAYERS = 4
# Gray levels of detail. Photos of streets, offices, gardens and nights have 2 to 30, closed doors
# and bare walls 0.5 to 2.
_LEAST_DETAIL = 0.6
# Detail over what noise leaves of itself. Noise has 0.8 to 1.2, photos have 7 or more, and 2 to 5
# where a tenth of their light is left under the noise of a small sensor.
_LEAST_RATIO = 2.0
_DARK, _BRIGHT = 32.0, 223.0  # mean gray levels
# Blind to planes and edges along an axis; noise of one gray level gives 6 (Immerkaer, Fast Noise
# Variance Estimation, CVIU 1996, equation 4).
_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def missing_content(image: ImageArray) -> str:
    """Why an image shows nothing, in words; empty for one that shows something.

    Args:
        image: RGB, uint8 [H, W, 3].
    """
    gray = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), _SIZE, interpolation=cv2.INTER_AREA)
    pixels = np.asarray(gray, np.float32)
    blocks = cv2.resize(pixels, None, fx=1 / _BLOCK, fy=1 / _BLOCK, interpolation=cv2.INTER_AREA)
    detail = _beyond_layers(np.asarray(blocks))
    if detail < _LEAST_DETAIL:
        return _without_detail(pixels)
    noise = cv2.filter2D(pixels, cv2.CV_32F, _NOISE_MASK)[1:-1, 1:-1]
    left = float(np.sqrt(np.mean(np.square(noise)))) / 6.0 / _BLOCK
    return "it is noise" if detail < _LEAST_RATIO * left else ""


def _beyond_layers(pixels: FloatArray) -> float:
    """What the largest singular values leave of an image, root mean square, gray levels."""
    centered = pixels - pixels.mean()
    squares = np.linalg.eigvalsh(centered @ centered.T)[:-_LAYERS]
    return float(np.sqrt(max(0.0, float(squares.sum())) / pixels.size))


def _without_detail(pixels: FloatArray) -> str:
    if float(pixels.std()) > 16.0:
        return "it is a pattern without detail"
    mean = float(pixels.mean())
    if mean < _DARK:
        return "it is black"
    return "it is white" if mean > _BRIGHT else "it is blank"
