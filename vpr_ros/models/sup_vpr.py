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

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vpr_ros.models.dinov2 import PATCH, Dinov2
from vpr_ros.models.sup_vpr_fusion import DEPTHS, Fusion


class Description(NamedTuple):
    """What SUP-VPR says of B images."""

    global_descriptor: Tensor  # [B, D] unit norm
    tokens: Tensor  # [B, P, D] of the patches, after all blocks
    grid: tuple[int, int]  # (h, w)


class SupVpr(Dinov2):
    """Images in, descriptors out."""

    def __init__(self, size: str = "large", registers: bool = False) -> None:
        """Make a network that is not trained.

        Raises:
            ConfigError: the size of the backbone is unknown.
        """
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
        geometry, so the final tokens of the patches are given as local features. Nothing weighs
        one patch against another: all score 1.

        Returns:
            ``global_descriptor`` [B, D] unit norm, and ``local_features`` [B, P, 3 + D] in
            row-major order: position divided by the input's longer side, 1, and the unit token.

        Raises:
            ConfigError: H or W is not a multiple of 14.
        """
        found = self.describe(image)
        tokens = functional.normalize(found.tokens.float(), dim=-1)
        points = _centers(found.grid, image.device) / max(image.shape[-2:])
        columns = [points.expand(len(image), -1, -1), torch.ones_like(tokens[..., :1]), tokens]
        return {
            "global_descriptor": found.global_descriptor,
            "local_features": torch.cat(columns, dim=-1),
        }


def _centers(grid: tuple[int, int], device: torch.device) -> Tensor:
    """(x, y) of patches in pixels of the input, [P, 2]."""
    y, x = (torch.arange(side, device=device) * PATCH + PATCH // 2 for side in grid)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1).float()
