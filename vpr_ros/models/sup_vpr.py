# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR: DINOv2's tokens at four depths, fused into one descriptor of a place.

This is a reading of the paper on SUP-VPR that a program can follow: its text contradicts itself in
places, and its authors published no code. What is read otherwise than it is written, and why:

- It cuts images into patches of 64 x 64 pixels, of a grid of 16 x 16. DINOv2's patches have 14
  pixels; with an input of 224 x 224 the grid has the 16 x 16 the paper wants, 256 tokens.
- It averages all tokens into one vector and then fuses four scales, of which then nothing is left.
  Here, tokens are averaged after each of four depths: every quarter of the blocks.
- It fuses query and reference into a vector of the pair, ``sum_i gamma_i (Phi_i(x_q) +
  Phi_i(x_r))`` (equation 1), which no index of a map can hold. The sum falls apart into one
  descriptor of each image, and of unit vectors ``|f_q + f_r|^2 = 2 + 2 <f_q, f_r>``: to rank by the
  fused pair is to rank by the inner product.
- It names the fusion after MixVPR, and removes its mixing. What is left are weights for each depth
  and a normalization before, Phi_i.
- It has 1024 features, those of the large backbone. The others here keep their own 384 and 768: a
  projection to 1024 would add no information, and make a map three times as large.

Shapes: B images, P = h x w patches, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.models.dinov2 import PATCH, PREFIX, Dinov2, from_dinov2
from vpr_ros.models.layers import layer_norm
from vpr_ros.models.local_features import all_centers

DEPTHS = 4


class Description(NamedTuple):
    """What SUP-VPR says of B images."""

    global_descriptor: Tensor  # [B, D] unit norm
    tokens: Tensor  # [B, P, D] of the patches, after all blocks
    grid: tuple[int, int]  # (h, w)


class Fusion(nn.Module):
    """Averages at several depths into one descriptor."""

    def __init__(self, dim: int) -> None:
        """Make a fusion in which all depths count alike."""
        super().__init__()
        self.norms = nn.ModuleList(layer_norm(dim) for _ in range(DEPTHS))
        self.gamma = nn.Parameter(torch.full((DEPTHS,), 1.0 / DEPTHS))

    def fused(self, averages: Sequence[Tensor]) -> Tensor:
        """``sum_i gamma_i Phi_i(x_i)`` of averages [B, D] each, [B, D] of any norm."""
        levels = [norm(each) for norm, each in zip(self.norms, averages, strict=True)]
        return torch.einsum("i,ibd->bd", self.gamma, torch.stack(levels))

    def forward(self, averages: Sequence[Tensor]) -> Tensor:
        """The descriptor, [B, D] of unit norm."""
        return functional.normalize(self.fused(averages), dim=1)


class SupVpr(Dinov2):
    """Images in, descriptors out."""

    def __init__(self, size: str = "large", registers: bool = False) -> None:
        """Raises ConfigError if the size of the backbone is unknown."""
        super().__init__(size, registers)
        self.fusion = Fusion(self.dim)

    def describe(self, image: Tensor) -> Description:
        """Describe normalized images [B, 3, H, W].

        Raises:
            ConfigError: H or W is not a multiple of 14.
        """
        depths = [self.depth * number // DEPTHS for number in range(1, DEPTHS + 1)]
        found = self.levels(image, depths)
        averages = [patches.float().mean(dim=1) for patches in found.patches]
        return Description(self.fusion(averages).float(), found.final, found.grid)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Describe normalized images [B, 3, H, W] in the form that all extractors share.

        The paper compares images as a whole and nothing else. A verdict that a robot acts on needs
        geometry, so the final tokens of the patches, made unit, are given as ``local_features``
        [B, P, 3 + D] in row-major order. Nothing weighs one patch against another: all score 1.

        Raises:
            ConfigError: H or W is not a multiple of 14.
        """
        found = self.describe(image)
        tokens = functional.normalize(found.tokens.float(), dim=-1)
        points = all_centers(image, PATCH)
        columns = [points.expand(len(image), -1, -1), torch.ones_like(tokens[..., :1]), tokens]
        return {
            "global_descriptor": found.global_descriptor,
            "local_features": torch.cat(columns, dim=-1),
        }


def with_fusion(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Files of DINOv2 as a network whose fusion is not trained; others as they are.

    Before any training the descriptor is the mean of the normalized averages, which tells places
    apart as DINOv2 does.
    """
    state = from_dinov2(tensors)
    if set(state) != set(tensors) and f"{PREFIX}cls_token" in state:
        dim = state[f"{PREFIX}cls_token"].shape[-1]
        state |= {f"fusion.{key}": value for key, value in Fusion(dim).state_dict().items()}
    return state
