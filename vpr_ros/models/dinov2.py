# SPDX-License-Identifier: Apache-2.0
"""DINOv2's vision transformers, their two rules of position, and their weights, whoever wrote them.

Papers: Maxime Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR
2024, arXiv:2304.07193; Timothee Darcet, Maxime Oquab, Julien Mairal, Piotr Bojanowski, "Vision
Transformers Need Registers", ICLR 2024, arXiv:2309.16588. Code and weights are Apache-2.0
(github.com/facebookresearch/dinov2). The blocks are timm's.

Shapes: B images, P = h x w patches in row-major order, D features of a token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vpr_ros.errors import ConfigError

PATCH = 14  # pixels
_TABLE = 37  # rows and columns of the table of positions: 518 pixels
_OFFSET = 0.1  # patches, by which the official rule stretches the table of networks w/o registers
_SHARP = -0.75  # Keys' parameter of bicubic resizing, as torch has it for plain resizing
_SMOOTH = -0.5  # and for antialiased resizing, as Pillow has it
PREFIX = "vit."  # of the backbone, in this package's own files
_NAMES = {"small": "vit_small", "base": "vit_base", "large": "vit_large"}


class Levels(NamedTuple):
    """An image at several depths."""

    patches: tuple[Tensor, ...]  # [B, P, D] after each of the blocks asked for, not normalized
    final: Tensor  # [B, P, D] after the last block and the final normalization


class Dinov2(nn.Module):
    """The backbone, with timm's keys below ``vit``."""

    def __init__(self, size: str = "small", registers: bool = False) -> None:
        """Raises ConfigError if the size is unknown."""
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

        ``depths`` are the blocks, counted from 1, whose patches are wanted.

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
        return Levels(tuple(found), self.vit.norm(tokens)[:, special:])

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


def _axis(length: int, official_offset: bool) -> NDArray[np.float32]:
    if official_offset:
        return resize_matrix(_TABLE, length, scale=(length + _OFFSET) / _TABLE)
    return resize_matrix(_TABLE, length, antialias=True)


def resize_matrix(
    source: int, target: int, scale: float = 0.0, antialias: bool = False
) -> NDArray[np.float32]:
    """What one axis is multiplied with to be resized, float32 [target, source].

    Matrices follow from sizes alone: an exported graph holds them as constants, where operators
    for resizing differ from runtime to runtime, and gradients pass through a product. They do what
    ``torch.nn.functional.interpolate`` does with ``mode="bicubic"`` along that axis (Robert Keys,
    "Cubic Convolution Interpolation for Digital Image Processing", 1981).

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


def from_dinov2(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A file of DINOv2, by Meta or timm, as the backbone ``vit.``; other files as they are.

    Both hold the same numbers. They differ in a token that only training masks patches with, in the
    name of the register tokens and in where the class token's position is kept beside them.
    """
    if "blocks.0.ls1.gamma" not in tensors:  # layer scale, at the top of a file
        return dict(tensors)
    state = {key: value for key, value in tensors.items() if key != "mask_token"}
    if {"register_tokens", "cls_token", "pos_embed"} <= set(state):
        # Registers have no position. timm keeps positions of patches alone beside them, so the
        # class token's is added to the token itself.
        positions = state["pos_embed"]
        state["reg_token"] = state.pop("register_tokens")
        state["cls_token"] = state["cls_token"] + positions[:, :1]
        state["pos_embed"] = positions[:, 1:]
    return {PREFIX + key: value for key, value in state.items()}
