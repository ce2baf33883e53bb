# SPDX-License-Identifier: Apache-2.0
"""TransVPR: a global descriptor from attention at three levels, and the key patches it points at.

Paper: Ruotong Wang, Yanqing Shen, Weiliang Zuo, Sanping Zhou, Nanning Zheng, "TransVPR:
Transformer-Based Place Recognition with Multi-Level Attention Aggregation", CVPR 2022,
arXiv:2201.02001. The authors' repository (github.com/RuotongWANG/TransVPR-model-implementation)
carries no license: nothing of it is contained here, and the weights are for users to fetch there.
Section 3.2 has the global descriptor, 3.3 the key patches; the other strategies of the ablation are
drawn in section 2.2 of the supplement.

Shapes: B images, L = 3 levels, N patches, M masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.errors import ConfigError
from vpr_ros.models.local_features import all_centers
from vpr_ros.models.transvpr_encoder import DEPTH, PATCH, WIDTH, Encoder

LEVELS = (1, 3, 5)  # blocks, counted from 0, whose outputs are the low, mid and high level
GLOBAL_DIM = 256

# Strategy -> (masks, levels). Only the published one, mL-mATT, has published weights.
AGGREGATIONS = {
    "mL-mATT": (3, 3),  # all levels together say where each of the three masks looks
    "mL-mATT-plain": (3, 3),  # every level makes its own mask from its own tokens
    "mL-sATT": (1, 3),  # one mask over the levels' concatenated tokens
    "sL-sATT": (1, 1),  # one mask over the high level alone
}


@dataclass(frozen=True)
class Wiring:
    """The choices of the paper's ablation (section 5.4); the defaults are the published network."""

    # Whose tokens are matched: 0 the CNN's, 1 to 6 those after that many blocks. The authors'
    # script counts blocks from 0 and calls the default layer 3.
    patch_level: int = 4
    masks: tuple[int, ...] = (0, 1, 2)  # low, mid, high, that select key patches; empty for none
    aggregation: str = "mL-mATT"  # of ``AGGREGATIONS``; others need weights of their own
    epsilon: float = 0.0  # see ``fuse_masks``

    def __post_init__(self) -> None:
        if not 0 <= self.patch_level <= DEPTH:
            raise ConfigError(f"patch_level = {self.patch_level}: must be between 0 and {DEPTH}")
        count = AGGREGATIONS.get(self.aggregation, (0, 0))[0]
        if count and not set(self.masks) <= set(range(count)):
            raise ConfigError(f"masks = {self.masks}: {self.aggregation} has 0 to {count - 1}")


class _UnitNorm(nn.Module):
    def forward(self, vectors: Tensor) -> Tensor:
        return functional.normalize(vectors, dim=-1)


class AttentionPooling(nn.Module):
    """Sums up each level's patches under its mask, and projects the result."""

    def __init__(self, aggregation: str = "mL-mATT") -> None:
        """Raises ConfigError if the strategy is unknown."""
        super().__init__()
        if aggregation not in AGGREGATIONS:
            known = ", ".join(AGGREGATIONS)
            raise ConfigError(f"aggregation = {aggregation!r}: choose one of {known}")
        self._aggregation = aggregation
        masks, levels = AGGREGATIONS[aggregation]
        seen = WIDTH if aggregation == "mL-mATT-plain" else levels * WIDTH
        self.attention_pool = nn.Linear(seen, masks)
        self.fc = nn.Sequential(_UnitNorm(), nn.Linear(levels * WIDTH, GLOBAL_DIM))

    def forward(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Describe an image by its tokens of the low, mid and high level, [B, L, N, 256].

        Returns:
            The global descriptor, unit norm [B, 256], and the masks, each of sum 1, [B, M, N].
        """
        pooled = self._pooled_tokens(levels)
        masks = self._logits(pooled).softmax(dim=-1)
        summed = (masks.unsqueeze(-1) * pooled).sum(dim=2).flatten(1)
        return functional.normalize(self.fc(summed), dim=-1), masks

    def _pooled_tokens(self, levels: Tensor) -> Tensor:
        """What every mask weighs, [B, M, N, C]."""
        if self._aggregation == "sL-sATT":
            return levels[:, -1:]
        if self._aggregation == "mL-sATT":
            return _side_by_side(levels).unsqueeze(1)
        return levels

    def _logits(self, pooled: Tensor) -> Tensor:
        if self._aggregation == "mL-mATT-plain":
            weight, bias = self.attention_pool.weight, self.attention_pool.bias
            return torch.einsum("bmnc,mc->bmn", pooled, weight) + bias[:, None]
        logits: Tensor = self.attention_pool(_side_by_side(pooled))
        return logits.transpose(1, 2)


class Description(NamedTuple):
    """Everything that TransVPR says of B images of N patches."""

    global_descriptor: Tensor  # [B, 256] unit norm
    patches: Tensor  # [B, N, 256] tokens to match, of any norm
    masks: Tensor  # [B, M, N] attention, each of sum 1
    fused: Tensor  # [B, N] from 0 to 1; key patches lie above the threshold


class TransVPR(Encoder):
    """The network, with the keys of the published weights."""

    def __init__(self, wiring: Wiring | None = None) -> None:
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
            ``global_descriptor`` [B, 256], and ``local_features`` [B, N, 259] with the fused mask
            and the token of every patch, key patch or not.
        """
        found = self.describe(image)
        where = all_centers(image, PATCH).expand(len(image), -1, -1)
        # Under autocast the tokens are half floats, which cannot hold positions.
        columns = [where, found.fused.unsqueeze(-1).float(), found.patches.float()]
        return {
            "global_descriptor": found.global_descriptor.float(),
            "local_features": torch.cat(columns, dim=-1),
        }


def fuse_masks(masks: Tensor, rows: Sequence[int], epsilon: float = 0.0) -> Tensor:
    """One mask that selects key patches, from 0 (least) to 1 (most), [B, N].

    Args:
        masks: [B, M, N].
        rows: which masks count; without any, every patch has 1.
        epsilon: least range that values are divided by. The published code has none: one mask of
            constant value makes every patch NaN, and its test for rejection, m <= tau, is false
            of NaN, so that all patches are kept. With a small epsilon the other masks decide.
    """
    if not rows:
        return torch.ones_like(masks[:, 0])
    chosen = masks[:, list(rows)]
    return _stretched(_stretched(chosen, epsilon).sum(dim=1), epsilon)


def _stretched(values: Tensor, epsilon: float) -> Tensor:
    """The values moved to the range from 0 to 1 along the last axis."""
    low = values.amin(dim=-1, keepdim=True)
    spread = values.amax(dim=-1, keepdim=True) - low
    return (values - low) / (spread.clamp_min(epsilon) if epsilon > 0.0 else spread)


def _side_by_side(levels: Tensor) -> Tensor:
    """[B, L, N, C] as [B, N, L C]."""
    return levels.transpose(1, 2).flatten(2)
