# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR: DINOv2's tokens at four depths, fused into one descriptor of a place; and its map stage.

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

The map stage, in which an image's descriptor attends to prototypes of all maps, is read so:

- Its keys contain the image's true counterpart, which nobody knows when a robot asks. Keys are the
  prototypes of all maps, without labels; the counterpart appears in the training loss alone.
- It has one vector for each city. Maps of similar looks need several (``place_map.map_choice``).
- It puts 12 blocks before those of the backbone, whose tokens its equation 2 does not have. They
  stand on the descriptor. The 300 blocks of its introduction are defined nowhere.
- Equation 2 divides by the root of the number of maps as well: with each map more, attention gets
  flatter, until it says nothing. Here, products are divided by the root of the head's size alone.
- Normalization stands before attention and not after, and both branches begin at zero: so untrained
  blocks change nothing, and the stage begins as the training-free one.

Shapes: B images, P = h x w patches, D features, S prototypes of all M maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.models.dinov2 import PATCH, PREFIX, Dinov2, from_dinov2
from vpr_ros.models.layers import layer_norm
from vpr_ros.models.local_features import all_centers

DEPTHS = 4
_WIDER = 4  # times that a block's perceptron is wider than the descriptor


class Description(NamedTuple):
    """What SUP-VPR says of B images."""

    global_descriptor: Tensor  # [B, D] unit norm
    tokens: Tensor  # [B, P, D] of the patches, after all blocks


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
        return Description(self.fusion(averages).float(), found.final)

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
        """Make a stage that is not trained: the attention of unchanged descriptors of D values.

        One or two blocks are enough for few maps; tau is the posterior's temperature, in units of
        inner products.
        """
        super().__init__()
        self.blocks = nn.ModuleList(PrototypeBlock(dim, heads) for _ in range(blocks))
        self.keys = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.keys.weight)
        self.null = nn.Parameter(torch.zeros(()))  # likeness of images of no known map
        self._tau = tau

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
        for block in self.blocks:
            descriptors = block(descriptors, prototypes)
        found = functional.normalize(descriptors, dim=-1)
        logits = found @ self.keys(prototypes).T / self._tau
        others = torch.where(owners > 0, 0.0, -torch.inf)  # [M, S]
        mass = (logits.unsqueeze(1) + others).logsumexp(dim=-1)
        null = (self.null / self._tau).expand(len(mass), 1)
        probabilities = (torch.cat([mass, null], dim=1) + prior.log()).softmax(dim=1)
        return {"descriptors": found, "probabilities": probabilities}
