# SPDX-License-Identifier: Apache-2.0
"""Where a network looks: the scores of local features as a heat map over their image.

R2Former gives the attention of its patches as scores, TransVPR its fused masks, APPSVR what each
location counts after all its attentions. Keypoints of a detector have scores, too: spots.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray, ImageArray, LocalFeatures

_FINEST, _COARSEST = 64, 8  # cells along the longer side of an image, at most and at least
_COVER = 0.7  # how much of the image the strongest color hides


def overlaid(image: ImageArray, local: LocalFeatures | None) -> ImageArray:
    """The image under the heat map of its local features; both of any size, RGB uint8 [H, W, 3]."""
    if local is None:
        return image
    height, width = image.shape[:2]
    values = heat(local, (width, height))
    colors = cv2.applyColorMap(np.asarray(255.0 * values, np.uint8), cv2.COLORMAP_INFERNO)
    cover = (_COVER * values)[..., None]
    mixed = image * (1.0 - cover) + colors[..., ::-1] * cover
    return np.asarray(np.rint(mixed), np.uint8)


def heat(local: LocalFeatures, size: tuple[int, int]) -> FloatArray:
    """Scores from 0 to 1, relative to the largest, float32 [H, W]; ``size`` is (width, height)."""
    grid = _cells(local)
    # Networks may give NaN where a mask is divided by its range: no attention to speak of.
    scores = np.nan_to_num(local.scores, nan=0.0, posinf=0.0, neginf=0.0)
    columns, rows = grid.shape[1], grid.shape[0]
    where = local.keypoints / np.asarray(local.image_size, np.float32) * (columns, rows)
    x, y = np.clip(where.astype(int), 0, (columns - 1, rows - 1)).T
    np.maximum.at(grid, (y, x), scores)
    grid /= max(float(grid.max()), 1e-9)
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _cells(local: LocalFeatures) -> NDArray[np.float32]:
    """An empty grid, [rows, columns], as fine as that of the patches."""
    longer = max(local.image_size)
    columns, rows = (
        max(1, round(side / _pitch(local.keypoints[:, axis], longer)))
        for axis, side in enumerate(local.image_size)
    )
    return np.zeros((rows, columns), np.float32)


def _pitch(positions: FloatArray, longer: int) -> float:
    """Pixels from one patch to the next along one axis, as the positions tell."""
    steps = np.diff(np.unique(np.rint(positions)))
    usual = float(np.median(steps)) if len(steps) else 0.0
    return min(max(usual, longer / _FINEST), longer / _COARSEST)
