# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR's map stage: an image's descriptor attends to prototypes of all maps.

What is read otherwise than the paper has it, and why (see ``sup_vpr`` for the descriptor):

- Its keys contain the image's true counterpart, which nobody knows when a robot asks. Keys are the
  prototypes of all maps, without labels; the counterpart appears in the training loss alone.
- It has one vector for each city. Maps of similar looks need several (``place_map.map_choice``).
- It puts 12 blocks before those of the backbone, whose tokens its equation 2 does not have. They
  stand on the descriptor. The 300 blocks of its introduction are defined nowhere.
- Equation 2 divides by the root of the number of maps as well: with each map more, attention gets
  flatter, until it says nothing. Here, products are divided by the root of the head's size alone.
- Normalization stands before attention and not after, and both branches begin at zero: so untrained
  blocks change nothing, and the stage begins as the training-free one.

Shapes: B images, S prototypes of all M maps, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.models.layers import layer_norm

_WIDER = 4  # times that a block's perceptron is wider than the descriptor


class PrototypeBlock(nn.Module):
    """One round of attention to the prototypes."""

    def __init__(self, dim: int, heads: int) -> None:
        """Make a block that changes nothing yet; D must be a multiple of ``heads``."""
        super().__init__()
        self.norm, self.key_norm, self.norm2 = layer_norm(dim), layer_norm(dim), layer_norm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(dim, _WIDER * dim), nn.GELU(), nn.Linear(_WIDER * dim, dim)
        )
        for last in (self.attention.out_proj, cast(nn.Linear, self.mlp[2])):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, queries: Tensor, prototypes: Tensor) -> Tensor:
        """Update descriptors [B, D] by what they resemble among prototypes [S, D]."""
        keys = self.key_norm(prototypes).unsqueeze(0)  # all images look at the same ones
        # Images are a sequence of queries here: none attends to another.
        seen, _ = self.attention(self.norm(queries).unsqueeze(0), keys, keys, need_weights=False)
        queries = queries + seen.squeeze(0)
        updated: Tensor = queries + self.mlp(self.norm2(queries))
        return updated


class MapStage(nn.Module):
    """Which map an image is from, or none."""

    def __init__(self, dim: int, blocks: int = 12, heads: int = 8, tau: float = 0.1) -> None:
        """Make a stage that is not trained: the attention of unchanged descriptors.

        Args:
            dim: D.
            blocks: of attention; one or two are enough for few maps.
            heads: of each block.
            tau: temperature of the posterior, in units of inner products.
        """
        super().__init__()
        self.blocks = nn.ModuleList(PrototypeBlock(dim, heads) for _ in range(blocks))
        self.keys = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.keys.weight)
        self.null = nn.Parameter(torch.zeros(()))  # likeness of images of no known map
        self._tau = tau

    def describe(self, descriptors: Tensor, prototypes: Tensor) -> Tensor:
        """What the maps' prototypes [S, D] make of descriptors, all of unit norm, [B, D]."""
        for block in self.blocks:
            descriptors = block(descriptors, prototypes)
        return functional.normalize(descriptors, dim=-1)

    def forward(
        self, descriptors: Tensor, prototypes: Tensor, owners: Tensor, prior: Tensor
    ) -> Mapping[str, Tensor]:
        """Posterior of maps, and of none.

        Args:
            descriptors: unit norm, [B, D].
            prototypes: unit norm, [S, D].
            owners: 1 where a prototype is of a map, float32 [M, S].
            prior: of each map and, last, of none, [M + 1].

        Returns:
            ``descriptors`` [B, D] after the blocks, and ``probabilities`` [B, M + 1], those of
            none last.
        """
        found = self.describe(descriptors, prototypes)
        logits = found @ self.keys(prototypes).T / self._tau
        others = torch.where(owners > 0, 0.0, -torch.inf)  # [M, S]
        mass = (logits.unsqueeze(1) + others).logsumexp(dim=-1)
        null = (self.null / self._tau).expand(len(mass), 1)
        probabilities = (torch.cat([mass, null], dim=1) + prior.log()).softmax(dim=1)
        return {"descriptors": found, "probabilities": probabilities}
