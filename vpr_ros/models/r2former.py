# SPDX-License-Identifier: Apache-2.0
"""R2Former: one network describes an image and selects the local features that another reranks by.

Paper: Sijie Zhu, Linjie Yang, Chen Chen, Mubarak Shah, Xiaohui Shen, Heng Wang, "R2Former: Unified
Retrieval and Reranking Transformer for Place Recognition", CVPR 2023, arXiv:2304.03410. The
authors' repository is github.com/bytedance/R2Former (Apache-2.0); this is an implementation of its
own that computes the same numbers. The backbones are timm's (DeiT: Touvron et al., ICML 2021;
ResNet-50: He et al., CVPR 2016); GeM is of Radenovic et al., TPAMI 2019.

Shapes: B images, P = h x w patches in row-major order, K = min(500, P) local features, D features
of a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import timm
import torch
from timm.models.deit import VisionTransformerDistilled
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.errors import ConfigError
from vpr_ros.models.layers import update_first
from vpr_ros.models.local_features import Dense, centers, selected

LOCAL_DIM = 128
NUM_LOCAL = 500
PATCH = 16  # pixels
GLOBAL_DIM = 256
INPUT_SIZE = (480, 640)  # (height, width) pixels of the published networks
_SPECIAL = 2  # class token and distillation token stand before the patches
_SMALLEST = 1e-6

# Backbone -> (timm's name, features of a token). Only deit_small has published weights.
_DEITS = {
    "deit_small": ("deit_small_distilled_patch16_224", 384),
    "deit_base": ("deit_base_distilled_patch16_384", 768),
}
_RESNET_DIM = 1024  # of the stage before the last
BACKBONES = (*_DEITS, "resnet50")


@dataclass(frozen=True)
class Repairs:
    """Oddities of the published code that a network trained anew can do without.

    All are off by default: the published weights need the oddities.
    """

    # A local feature is made from its own patch, not from the one two before it.
    own_tokens: bool = False
    # Where a side is not a multiple of 16, positions follow the grid of patches that there is. The
    # published code counts columns as if a last, incomplete one were there, so that points are
    # skewed, and resamples the position table though it fits.
    true_grid: bool = False


class R2Former(nn.Module):
    """Images in, descriptors out; with the keys of the published weights but the reranker's."""

    aggregation: nn.Sequential  # of a ResNet alone

    def __init__(
        self,
        backbone: str = "deit_small",
        num_local: int = NUM_LOCAL,
        repairs: Repairs | None = None,
    ) -> None:
        """Raises ConfigError if the backbone is unknown."""
        super().__init__()
        if backbone not in BACKBONES:
            raise ConfigError(f"backbone = {backbone!r}: choose one of {', '.join(BACKBONES)}")
        self._num_local = num_local
        self._repairs = repairs or Repairs()
        name, dim = _DEITS.get(backbone, ("", _RESNET_DIM))
        self.backbone: Any
        if name:
            self.backbone = timm.create_model(name, img_size=INPUT_SIZE, num_classes=GLOBAL_DIM)
        else:  # as torchvision has it, without its classifier; and what follows its last stage
            self.backbone = nn.Sequential(*list(timm.create_model("resnet50").children())[:-2])
            pool = nn.Sequential(_UnitNorm(), Gem())
            self.aggregation = nn.Sequential(pool, nn.Linear(2048, GLOBAL_DIM))
        self.local_head = nn.Linear(dim, LOCAL_DIM)
        nn.init.normal_(self.local_head.weight, std=0.01)
        nn.init.zeros_(self.local_head.bias)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Describe normalized images [B, 3, H, W].

        Returns:
            ``global_descriptor`` [B, 256], unit norm, and ``local_features`` [B, K, 131] by
            descending attention, divided by the largest, their descriptors of any norm.
        """
        height, width = image.shape[-2:]
        return self.select(self.describe(image), height, width)

    def select(self, dense: Dense, height: int, width: int) -> dict[str, Tensor]:
        """What ``forward`` returns, for images of this size that ``describe`` has seen."""
        columns = -(-width // PATCH)  # of a ResNet's grid, and what the published code takes
        if self._repairs.true_grid and not isinstance(self.backbone, nn.Sequential):
            columns = width // PATCH
        locate = partial(centers, columns=columns, pitch=PATCH, side=max(height, width))
        return selected(dense, self.local_head, self._num_local, locate)

    def describe(self, image: Tensor) -> Dense:
        """Normalized images [B, 3, H, W] before local features are selected."""
        if isinstance(self.backbone, nn.Sequential):
            return _describe_with_resnet(self.backbone, self.aggregation, image)
        return _describe_with_deit(self.backbone, image, self._repairs)


class Gem(nn.Module):
    """Generalized mean over all positions with a learned power, [B, D, h, w] to [B, D]."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([3.0]))

    def forward(self, features: Tensor) -> Tensor:
        """Pool features of which only the positive part counts."""
        return features.clamp_min(_SMALLEST).pow(self.p).mean(dim=(2, 3)).pow(1.0 / self.p)


class _UnitNorm(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return functional.normalize(features, dim=1)


def _describe_with_deit(vit: VisionTransformerDistilled, image: Tensor, repairs: Repairs) -> Dense:
    """Run a DeiT on normalized images [B, 3, H, W].

    Patches count by the attention that the class and the distillation token pay them in the last
    block, summed over all heads (section 3.2).
    """
    tokens = _embed(vit, image, repairs.true_grid)
    for block in vit.blocks[:-1]:
        tokens = block(tokens)
    special, attention = update_first(vit.blocks[-1], tokens, _SPECIAL)
    special = vit.norm(special)
    descriptor = (vit.head(special[:, 0]) + vit.head_dist(special[:, 1])) / 2
    # The published code looks a patch's number up among all tokens, special ones included: the
    # feature of patch p comes from patch p - 2 (of patches 0 and 1, from the special tokens). The
    # published weights expect these features.
    sources = tokens[:, _SPECIAL:] if repairs.own_tokens else tokens
    return Dense(
        functional.normalize(descriptor, dim=1),
        attention[..., _SPECIAL:].sum(dim=(1, 2)),
        sources,
    )


def _describe_with_resnet(stages: nn.Sequential, head: nn.Sequential, image: Tensor) -> Dense:
    """Run a ResNet-50 with GeM on normalized images [B, 3, H, W].

    Patches count by the sum of what the last projection makes of each position; local features
    come from the stage before.
    """
    fine = stages[:-1](image)  # [B, 1024, h, w]
    coarse = stages[-1](fine)  # [B, 2048, h / 2, w / 2]
    features = functional.normalize(coarse, dim=1).clamp_min(_SMALLEST)
    response = torch.einsum("bdhw,od->bohw", features, head[1].weight).clamp_min(_SMALLEST)
    attention = functional.interpolate(
        response.sum(dim=1, keepdim=True), size=fine.shape[-2:], mode="bicubic"
    )
    return Dense(
        functional.normalize(head(coarse), dim=1),
        attention.flatten(1),
        fine.flatten(2).transpose(1, 2),
    )


def _embed(vit: VisionTransformerDistilled, image: Tensor, true_grid: bool) -> Tensor:
    """The sequence before the first block, [B, 2 + P, D]."""
    patches = vit.patch_embed.proj(image)  # [B, D, h, w]
    positions = _positions(vit, image.shape[-2:], patches.shape[-2:], true_grid)
    special = torch.cat([cast(Tensor, vit.cls_token), vit.dist_token], dim=1)
    special = special.expand(image.shape[0], -1, -1)
    return torch.cat([special, patches.flatten(2).transpose(1, 2)], dim=1) + positions


def _positions(
    vit: VisionTransformerDistilled, size: torch.Size, grid: torch.Size, true_grid: bool
) -> Tensor:
    """The position table for another input size, [1, 2 + P, D]."""
    table = cast(Tensor, vit.pos_embed)
    rows, columns = vit.patch_embed.grid_size
    # The published code compares pixels, not patches: a size with the same grid is resampled too.
    same = grid == (rows, columns) if true_grid else size == vit.patch_embed.img_size
    if same:
        return table
    plane = table[:, _SPECIAL:].transpose(1, 2).reshape(1, -1, rows, columns)
    plane = resize_positions(plane, grid[0], grid[1])
    return torch.cat([table[:, :_SPECIAL], plane.flatten(2).transpose(1, 2)], dim=1)


def resize_positions(plane: Tensor, rows: int, columns: int) -> Tensor:
    """Position embeddings [1, D, h0, w0] for another grid, by the rule of the published code.

    A square as long as the longer side is cut out of the table, or stretched from it if the table
    is smaller, and then cut to the shorter side.
    """
    side = max(rows, columns)
    fits = side <= min(plane.shape[-2:])
    square = _central(plane, side, side) if fits else _stretched(plane, side)
    return _central(square, rows, columns)


def _central(plane: Tensor, rows: int, columns: int) -> Tensor:
    top = plane.shape[2] // 2 - rows // 2
    left = plane.shape[3] // 2 - columns // 2
    return plane[:, :, top : top + rows, left : left + columns]


def _stretched(plane: Tensor, side: int) -> Tensor:
    """Resize to a square, and scale about its center so that half the height spans as much."""
    middle, half = side // 2, plane.shape[2] // 2
    square = functional.interpolate(plane, size=(side, side), mode="bicubic")
    across = plane.shape[3] // 2
    span = (plane[:, :, 0, across] - plane[:, :, half, across]).square().sum(dim=1)
    center = square[:, :, middle, middle]
    stretched = (square[:, :, middle - half, middle] - center).square().sum(dim=1)
    center = center[:, :, None, None]
    return (square - center) * (span / stretched).sqrt() + center
