# SPDX-License-Identifier: Apache-2.0
"""DINOv2's vision transformers, their tokens at several depths, and their two rules of position.

Papers: Maxime Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR
2024, arXiv:2304.07193; Timothee Darcet, Maxime Oquab, Julien Mairal, Piotr Bojanowski, "Vision
Transformers Need Registers", ICLR 2024, arXiv:2309.16588. Code and weights are Apache-2.0
(github.com/facebookresearch/dinov2). The blocks are timm's.

Shapes: B images, P = h x w patches in row-major order, D features of a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import timm
import torch
from torch import Tensor, nn

from vpr_ros.errors import ConfigError
from vpr_ros.models.bicubic import resize_matrix

PATCH = 14  # pixels
_TABLE = 37  # rows and columns of the table of positions: 518 pixels
_OFFSET = 0.1  # patches, by which the official rule stretches the table of networks w/o registers
_NAMES = {"small": "vit_small", "base": "vit_base", "large": "vit_large"}


class Levels(NamedTuple):
    """An image at several depths."""

    patches: tuple[Tensor, ...]  # [B, P, D] after each of the blocks asked for, not normalized
    final: Tensor  # [B, P, D] after the last block and the final normalization
    grid: tuple[int, int]  # (h, w)


class Dinov2(nn.Module):
    """The backbone, with timm's keys below ``vit``."""

    def __init__(self, size: str = "small", registers: bool = False) -> None:
        """Make a backbone that is not trained.

        Raises:
            ConfigError: the size is unknown.
        """
        super().__init__()
        if size not in _NAMES:
            raise ConfigError(f"size = {size!r}: choose one of {', '.join(_NAMES)}")
        kind = "_reg4" if registers else ""
        name = f"{_NAMES[size]}_patch{PATCH}{kind}_dinov2"
        self.vit: Any = timm.create_model(name, num_classes=0, img_size=_TABLE * PATCH)
        self._registers = registers

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return len(self.vit.blocks)

    @property
    def dim(self) -> int:
        """Features of a token, D."""
        return int(self.vit.embed_dim)

    def levels(self, image: Tensor, depths: Sequence[int]) -> Levels:
        """Run the network on normalized images [B, 3, H, W].

        Args:
            image: the images.
            depths: blocks, counted from 1, whose patches are wanted.

        Raises:
            ConfigError: H or W is not a multiple of 14.
        """
        height, width = image.shape[-2:]
        if height % PATCH or width % PATCH:
            raise ConfigError(f"input {width}x{height}: both sides must be multiples of {PATCH}")
        grid = (height // PATCH, width // PATCH)
        tokens, special, found = self._embed(image, grid), 1 + 4 * self._registers, []
        for number, block in enumerate(self.vit.blocks, start=1):
            tokens = block(tokens)
            if number in depths:
                found.append(tokens[:, special:])
        return Levels(tuple(found), self.vit.norm(tokens)[:, special:], grid)

    def _embed(self, image: Tensor, grid: tuple[int, int]) -> Tensor:
        """The sequence before the first block: class token, registers, patches."""
        vit, batch = self.vit, len(image)
        patches = vit.patch_embed.proj(image).flatten(2).transpose(1, 2)
        first = vit.cls_token.expand(batch, -1, -1)
        table = vit.pos_embed
        if self._registers:
            special = [first, vit.reg_token.expand(batch, -1, -1)]
        else:
            special, table = [first + table[:, :1]], table[:, 1:]
        placed = patches + resized_positions(table, grid, official_offset=not self._registers)
        return torch.cat([*special, placed], dim=1)


def resized_positions(table: Tensor, grid: tuple[int, int], official_offset: bool) -> Tensor:
    """Positions of patches for another input size, [1, h w, D].

    Args:
        table: [1, 37 x 37, D].
        grid: (h, w) patches.
        official_offset: the rule of the networks without registers: each axis is scaled as if it
            became a tenth of a patch longer, and nothing is averaged. timm resizes these as those
            with registers, to the exact size and with averages; off 518 pixels that moves their
            patches by up to 0.16. Weights that others trained on such a backbone expect the
            official rule.
    """
    if grid == (_TABLE, _TABLE):
        return table
    rows, columns = (
        torch.from_numpy(_axis(length, official_offset)).to(table.device, table.dtype)
        for length in grid
    )
    plane = table.reshape(_TABLE, _TABLE, -1)
    # Rows first, then columns: sums over one axis at a time.
    lines = (rows @ plane.flatten(1)).reshape(grid[0], _TABLE, -1)
    return (columns @ lines).reshape(1, grid[0] * grid[1], -1)


def _axis(length: int, official_offset: bool) -> Any:
    if official_offset:
        return resize_matrix(_TABLE, length, scale=(length + _OFFSET) / _TABLE)
    return resize_matrix(_TABLE, length, antialias=True)
