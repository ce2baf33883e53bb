# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR's fusion of several depths, and DINOv2's weights as those of a network that has one.

See ``sup_vpr`` for the reading of the paper that this follows. Shapes: B images, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.models.dinov2_keys import PREFIX, from_dinov2

_EPSILON = 1e-6  # of layer normalizations, as in DINOv2

DEPTHS = 4


class Fusion(nn.Module):
    """Averages at several depths into one descriptor."""

    def __init__(self, dim: int) -> None:
        """Make a fusion in which all depths count alike."""
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(dim, eps=_EPSILON) for _ in range(DEPTHS))
        self.gamma = nn.Parameter(torch.full((DEPTHS,), 1.0 / DEPTHS))

    def fused(self, averages: Sequence[Tensor]) -> Tensor:
        """``sum_i gamma_i Phi_i(x_i)`` of averages [B, D] each, [B, D] of any norm."""
        levels = [norm(each) for norm, each in zip(self.norms, averages, strict=True)]
        return torch.einsum("i,ibd->bd", self.gamma, torch.stack(levels))

    def forward(self, averages: Sequence[Tensor]) -> Tensor:
        """The descriptor, [B, D] of unit norm."""
        return functional.normalize(self.fused(averages), dim=1)


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
