# SPDX-License-Identifier: Apache-2.0
"""Bicubic resizing of tables as two matrix products, with torch's numbers.

The matrices follow from the sizes alone: an exported graph holds them as constants, where operators
for resizing differ from runtime to runtime, and training passes gradients through a product.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_SHARP = -0.75  # Keys' parameter, as torch has it for plain resizing
_SMOOTH = -0.5  # and for antialiased resizing, as Pillow has it


def resize_matrix(
    source: int, target: int, scale: float = 0.0, antialias: bool = False
) -> NDArray[np.float32]:
    """What one axis is multiplied with, float32 [target, source].

    It is what ``torch.nn.functional.interpolate`` does with ``mode="bicubic"`` along that axis
    (Robert Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981).

    Args:
        source: length of the axis.
        target: length that it shall have.
        scale: how many times longer one step becomes; 0: target / source.
        antialias: average where the axis shrinks, with weights renormalized at the ends instead of
            repeating the outermost values.
    """
    step = 1.0 / scale if scale else source / target
    centers = (np.arange(target) + 0.5) * step - 0.5
    stretch = max(step, 1.0) if antialias else 1.0
    first, last = (math.floor(2 * stretch) + 2,) * 2
    taps = np.floor(centers)[:, None] + np.arange(-first, last + 1)
    weights = _cubic((taps - centers[:, None]) / stretch, _SMOOTH if antialias else _SHARP)
    if antialias:
        weights *= (taps >= 0) & (taps < source)
    weights /= weights.sum(axis=1, keepdims=True)
    matrix = np.zeros((target, source))
    rows = np.broadcast_to(np.arange(target)[:, None], taps.shape)
    np.add.at(matrix, (rows, np.clip(taps, 0, source - 1).astype(int)), weights)
    return matrix.astype(np.float32)


def _cubic(distance: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """The kernel of cubic convolution."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))
