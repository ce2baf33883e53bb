# SPDX-License-Identifier: Apache-2.0
"""TransVPR: a global descriptor from attention at three levels, and the key patches it points at.

Paper: Ruotong Wang, Yanqing Shen, Weiliang Zuo, Sanping Zhou, Nanning Zheng, "TransVPR:
Transformer-Based Place Recognition with Multi-Level Attention Aggregation", CVPR 2022,
arXiv:2201.02001. The authors' repository (github.com/RuotongWANG/TransVPR-model-implementation)
carries no license: nothing of it is contained here, and the weights are for users to fetch there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vpr_ros.errors import ConfigError
from vpr_ros.models.transvpr_encoder import DEPTH, PATCH, Encoder
from vpr_ros.models.transvpr_pooling import AGGREGATIONS, LEVELS, AttentionPooling, fuse_masks


@dataclass(frozen=True)
class Wiring:
    """The choices of the paper's ablation (section 5.4); the defaults are the published network.

    Attributes:
        patch_level: whose tokens are matched: 0 the CNN's, 1 to 6 those after that many blocks.
            The authors' script counts blocks from 0 and calls the default layer 3.
        masks: which attention masks select key patches: 0 low, 1 mid, 2 high; empty for none.
        aggregation: how masks and global descriptor are made; others need weights of their own.
        epsilon: see ``fuse_masks``.
    """

    patch_level: int = 4
    masks: tuple[int, ...] = (0, 1, 2)
    aggregation: str = "mL-mATT"
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.patch_level <= DEPTH:
            raise ConfigError(f"patch_level = {self.patch_level}: must be between 0 and {DEPTH}")
        count = AGGREGATIONS.get(self.aggregation, (0, 0))[0]
        if count and not set(self.masks) <= set(range(count)):
            raise ConfigError(f"masks = {self.masks}: {self.aggregation} has 0 to {count - 1}")


class Description(NamedTuple):
    """Everything that TransVPR says of B images of N patches."""

    global_descriptor: Tensor  # [B, 256] unit norm
    patches: Tensor  # [B, N, 256] tokens to match, of any norm
    masks: Tensor  # [B, M, N] attention, each of sum 1
    fused: Tensor  # [B, N] from 0 to 1; key patches lie above the threshold


class TransVPR(Encoder):
    """The network, with the keys of the published weights."""

    def __init__(self, wiring: Wiring | None = None) -> None:
        """Make a network that is not trained; the published wiring by default."""
        super().__init__()
        self._wiring = wiring or Wiring()
        self.pool = AttentionPooling(self._wiring.aggregation)

    def describe(self, image: Tensor) -> Description:
        """Describe normalized images [B, 3, H, W].

        Raises:
            ConfigError: H or W is not a multiple of 16. (Sides that are 15 modulo 16 would go
                through the network, but their patches no longer lie on the grid of positions.)
        """
        height, width = image.shape[-2:]
        if height % PATCH or width % PATCH:
            raise ConfigError(f"input {width}x{height}: both sides must be multiples of {PATCH}")
        raw = self.patch_tokens(image)
        levels = [tokens[:, 1:] for tokens in self.transformer(raw)]
        descriptor, masks = self.pool(torch.stack([levels[i] for i in LEVELS], dim=1))
        fused = fuse_masks(masks, self._wiring.masks, self._wiring.epsilon)
        level = self._wiring.patch_level
        return Description(descriptor, levels[level - 1] if level else raw, masks, fused)

    def class_token(self, image: Tensor) -> Tensor:
        """What scenes are classified by before places are learned, [B, 256]."""
        last: Tensor = self.transformer(self.patch_tokens(image))[-1]
        return last[:, 0]

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Describe normalized images [B, 3, H, W] in the form that all extractors share.

        Returns:
            ``global_descriptor`` [B, 256], and ``local_features`` [B, N, 259]: position divided
            by the input's longer side, fused mask and token of every patch, key patch or not.
        """
        found = self.describe(image)
        where = _positions(image).expand(len(image), -1, -1)
        # Under autocast the tokens are half floats, which cannot hold positions.
        columns = [where, found.fused.unsqueeze(-1).float(), found.patches.float()]
        return {
            "global_descriptor": found.global_descriptor.float(),
            "local_features": torch.cat(columns, dim=-1),
        }


def _positions(image: Tensor) -> Tensor:
    """(u, v) of the center of every patch, [N, 2]."""
    height, width = image.shape[-2:]
    y = torch.arange(PATCH // 2, height, PATCH, device=image.device, dtype=torch.float32)
    x = torch.arange(PATCH // 2, width, PATCH, device=image.device, dtype=torch.float32)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1) / max(height, width)
