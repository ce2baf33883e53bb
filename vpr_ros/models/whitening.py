# SPDX-License-Identifier: Apache-2.0
"""PCA-whitening: a smaller descriptor whose every value varies as much as the others.

Paper: Herve Jegou, Ondrej Chum, "Negative Evidences and Co-occurences in Image Retrieval: The
Benefit of PCA and Whitening", ECCV 2012; NetVLAD and APPSVR reduce their descriptors so.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vpr_ros.errors import ConfigError

_FLAT = 1e-9  # part of the largest variance below which a direction is rounding


class Whitening(NamedTuple):
    """``W d + b`` of a descriptor d, to be normalized afterwards; a linear layer's weights."""

    weight: Tensor  # [P, G]
    bias: Tensor  # [P]


def fit_whitening(descriptors: Tensor, size: int) -> Whitening:
    """The directions of most variance, each divided by its standard deviation.

    With fewer images than values the products of images say the same as those of values do, in a
    matrix that fits into memory: 10,000 images of 32,768 values need 0.8 GB instead of 8.6.

    Args:
        descriptors: of N images of a map or a training set, [N, G].
        size: of the result, P.

    Raises:
        ConfigError: the images do not vary in so many directions.
    """
    mean = descriptors.double().mean(dim=0)
    centered = descriptors.double() - mean
    variances, directions = _components(centered, size)
    found = int((variances > _FLAT * variances[:1]).sum()) if len(variances) else 0
    if found < size:
        raise ConfigError(
            f"whitened = {size}: {len(descriptors)} images vary in {found} directions; give more "
            "images, or a smaller size"
        )
    weight = directions / variances.sqrt().unsqueeze(1)
    return Whitening(weight.float(), -(weight @ mean).float())


def _components(centered: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Variances [P], largest first, and unit directions [P, G], or as many as there are."""
    count, dim = centered.shape
    freedom = max(count - 1, 1)
    if count >= dim:
        values, vectors = torch.linalg.eigh(centered.T @ centered / freedom)
        return values.flip(0)[:size].clamp_min(0), vectors.T.flip(0)[:size]
    values, vectors = torch.linalg.eigh(centered @ centered.T / freedom)
    values = values.flip(0)[:size].clamp_min(0)
    directions = vectors.T.flip(0)[:size] @ centered
    return values, directions / (freedom * values).clamp_min(1e-300).sqrt().unsqueeze(1)
