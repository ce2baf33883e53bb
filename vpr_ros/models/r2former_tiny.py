# SPDX-License-Identifier: Apache-2.0
"""R2Former at a size that two CPU cores run at camera rate, for networks trained with this package.

After Sijie Zhu et al., "R2Former: Unified Retrieval and Reranking Transformer for Place
Recognition", CVPR 2023, arXiv:2304.03410: one transformer describes the image and selects the local
features that another one reranks by. What differs:

- Convolutions see the pixels first: they learn from thousands of images, where patches cut out of
  the image take millions (Xiao et al., "Early Convolutions Help Transformers See Better", NeurIPS
  2021). They halve the image four times by kernels of 4 x 4 pixels, which leave no offset: position
  i lies in the middle of the pixels that it stands for.
- Positions come from a depthwise convolution over the tokens (Chu et al., "Conditional Positional
  Encodings for Vision Transformers", ICLR 2023). So a network trained on small images describes
  larger ones, and nothing is resampled.
- The global descriptor is made of the class token, of all others, pooled (GeM), and of what lies
  where: a coarse grid of them, as the convolution's positions tell little more than how near the
  border is. MixVPR (Ali-bey et al., WACV 2023) shows what whole feature maps are worth.
- Local features lie 8 pixels apart, not 16: they join what convolutions see there with the token
  before the last block. The attention of the class token is interpolated between its patches.

Shapes: B images, h x w positions of local features, 8 pixels apart; D = 160 features of a token.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.models.layers import blocks, layer_norm, update_first
from vpr_ros.models.local_features import Dense, selected
from vpr_ros.models.r2former import Gem

NUM_LOCAL = 150
GLOBAL_DIM = 256
LOCAL_DIM = 64
PITCH = 8  # pixels from one local feature to the next

_STEM = (3, 32, 48, 96)  # channels, from one halving to the next
_DIM, _HEADS, _BLOCKS = 160, 5, 4
_GRID, _GRID_DIM = (4, 6), 16  # rows and columns; features of a cell


class R2FormerTiny(nn.Module):
    """Images of any size in, descriptors out."""

    def __init__(self, num_local: int = NUM_LOCAL) -> None:
        super().__init__()
        self._num_local = num_local
        self.stem = nn.Sequential(*(_convolution(a, b, 4) for a, b in pairwise(_STEM)))
        self.refine = _convolution(_STEM[-1], _STEM[-1], 3)
        self.down = _convolution(_STEM[-1], _DIM, 4)
        self.position = nn.Conv2d(_DIM, _DIM, 3, padding=1, groups=_DIM)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, _DIM))
        self.blocks = blocks(_BLOCKS, _DIM, _HEADS)
        self.norm = layer_norm(_DIM)
        self.pool = Gem()
        self.narrow = nn.Linear(_DIM, _GRID_DIM)
        self.head = nn.Linear(2 * _DIM + math.prod(_GRID) * _GRID_DIM, GLOBAL_DIM)
        self.local_head = nn.Linear(_STEM[-1] + _DIM, LOCAL_DIM)
        nn.init.trunc_normal_(self.cls_token, std=0.02)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Describe normalized images [B, 3, H, W].

        Returns:
            ``global_descriptor`` [B, 256], unit norm, and ``local_features`` [B, K, 67] by
            descending attention, divided by the largest, their descriptors of any norm.
        """
        height, width = image.shape[-2:]
        return self.select(self.describe(image), height, width)

    def select(self, dense: Dense, height: int, width: int) -> dict[str, Tensor]:
        """What ``forward`` returns, for images of this size that ``describe`` has seen."""
        locate = partial(_points, columns=width // PITCH, unit=PITCH / max(height, width))
        return selected(dense, self.local_head, self._num_local, locate)

    def describe(self, image: Tensor) -> Dense:
        """Normalized images before local features are selected, all h x w positions row by row."""
        fine = self.stem(image)
        fine = fine + self.refine(fine)
        coarse = self.down(fine)
        tokens = self._tokens(coarse)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        after, attention = update_first(self.blocks[-1], tokens, tokens.shape[1])
        context = _plane(tokens[:, 1:], coarse.shape, fine.shape[-2:])
        seen = _plane(
            attention[:, :, 0, 1:].sum(dim=1).unsqueeze(-1), coarse.shape, fine.shape[-2:]
        )
        sources = torch.cat([fine, context], dim=1)
        return Dense(
            self._pooled(after, coarse.shape), seen.flatten(1), sources.flatten(2).transpose(1, 2)
        )

    def _tokens(self, coarse: Tensor) -> Tensor:
        tokens = (coarse + self.position(coarse)).flatten(2).transpose(1, 2)
        return torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)

    def _pooled(self, tokens: Tensor, coarse: torch.Size) -> Tensor:
        """The global descriptor, [B, 256]."""
        tokens = self.norm(tokens)
        others = self.pool(tokens[:, 1:].transpose(1, 2).unsqueeze(-1))
        grid = _plane(self.narrow(tokens[:, 1:]), coarse, torch.Size(_GRID))
        features = torch.cat([tokens[:, 0], others, grid.flatten(1)], dim=1)
        return functional.normalize(self.head(features), dim=1)


def _convolution(channels: int, others: int, kernel: int) -> nn.Sequential:
    """Halves the image if the kernel is even; keeps its size otherwise."""
    stride = 2 if kernel % 2 == 0 else 1
    layer = nn.Conv2d(channels, others, kernel, stride, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(others), nn.ReLU(inplace=True))


def _plane(tokens: Tensor, coarse: torch.Size, size: torch.Size) -> Tensor:
    """Tokens of patches [B, P, D] interpolated between their centers, [B, D, h, w]."""
    batch, _, features = tokens.shape
    plane = tokens.transpose(1, 2).reshape(batch, features, *coarse[-2:])
    return functional.interpolate(plane, size=size, mode="bilinear", align_corners=False)


def _points(positions: Tensor, columns: int, unit: float) -> Tensor:
    """(u, v) of numbered positions [B, K], [B, K, 2]."""
    row = torch.div(positions, columns, rounding_mode="floor")
    return (torch.stack([positions - row * columns, row], dim=-1).float() + 0.5) * unit
