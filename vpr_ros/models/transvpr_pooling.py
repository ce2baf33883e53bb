# SPDX-License-Identifier: Apache-2.0
"""TransVPR's attention masks: which patches tell where an image was taken, at three levels.

Paper: Wang et al., "TransVPR", CVPR 2022, section 3.2 (global descriptor) and 3.3 (key patches);
the degenerate strategies of its ablation are drawn in section 2.2 of the supplement.

Shapes: B images, L = 3 levels, N patches, M masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.errors import ConfigError
from vpr_ros.models.transvpr_encoder import WIDTH

LEVELS = (1, 3, 5)  # blocks, counted from 0, whose outputs are the low, mid and high level
GLOBAL_DIM = 256

# Strategy -> (masks, levels). Only the published one, mL-mATT, has published weights.
AGGREGATIONS = {
    "mL-mATT": (3, 3),  # all levels together say where each of the three masks looks
    "mL-mATT-plain": (3, 3),  # every level makes its own mask from its own tokens
    "mL-sATT": (1, 3),  # one mask over the levels' concatenated tokens
    "sL-sATT": (1, 1),  # one mask over the high level alone
}


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
        """Describe an image.

        Args:
            levels: patch tokens of the low, mid and high level, [B, L, N, 256].

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
