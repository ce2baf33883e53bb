# SPDX-License-Identifier: Apache-2.0
"""R2Former: one network describes an image and selects the local features that another reranks by.

Paper: Sijie Zhu, Linjie Yang, Chen Chen, Mubarak Shah, Xiaohui Shen, Heng Wang, "R2Former: Unified
Retrieval and Reranking Transformer for Place Recognition", CVPR 2023, arXiv:2304.03410. The
authors' repository is github.com/bytedance/R2Former (Apache-2.0); this is an implementation of its
own that computes the same numbers.

Shapes: B images, P = h x w patches, K = min(500, P) local features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from vpr_ros.errors import ConfigError
from vpr_ros.models.r2former_backbones import (
    PATCH,
    Dense,
    deit,
    describe_with_deit,
    describe_with_resnet,
    gem_head,
    outputs,
    resnet50,
)

LOCAL_DIM = 128
NUM_LOCAL = 500

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

    Attributes:
        own_tokens: a local feature is made from its own patch, not from the one two before it.
        true_grid: where a side is not a multiple of 16, positions follow the grid of patches that
            there is. The published code counts columns as if a last, incomplete one were there,
            so that points are skewed, and resamples the position table though it fits.
    """

    own_tokens: bool = False
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
        """Make a network that is not trained.

        Raises:
            ConfigError: the backbone is unknown.
        """
        super().__init__()
        if backbone not in BACKBONES:
            raise ConfigError(f"backbone = {backbone!r}: choose one of {', '.join(BACKBONES)}")
        self._num_local = num_local
        self._repairs = repairs or Repairs()
        name, dim = _DEITS.get(backbone, ("", _RESNET_DIM))
        self.backbone = deit(name) if name else resnet50()
        if not name:
            self.aggregation = gem_head()
        self.local_head = nn.Linear(dim, LOCAL_DIM)
        nn.init.normal_(self.local_head.weight, std=0.01)
        nn.init.zeros_(self.local_head.bias)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Describe normalized images [B, 3, H, W].

        Returns:
            ``global_descriptor`` [B, 256], unit norm, and ``local_features`` [B, K, 131] by
            descending attention: u, v (patch center in pixels, divided by the longer side of the
            input), attention divided by the largest, and 128 features of any norm.
        """
        height, width = image.shape[-2:]
        return self.select(self.describe(image), height, width)

    def select(self, dense: Dense, height: int, width: int) -> dict[str, Tensor]:
        """What ``forward`` returns, for images of this size that ``describe`` has seen."""
        locate = partial(self._points, height=height, width=width)
        return outputs(dense, self.local_head, self._num_local, locate)

    def describe(self, image: Tensor) -> Dense:
        """Normalized images [B, 3, H, W] before local features are selected."""
        if isinstance(self.backbone, nn.Sequential):
            return describe_with_resnet(self.backbone, self.aggregation, image)
        repairs = self._repairs
        return describe_with_deit(self.backbone, image, repairs.own_tokens, repairs.true_grid)

    def _points(self, patches: Tensor, height: int, width: int) -> Tensor:
        """(u, v) of patches [B, K], [B, K, 2]."""
        columns = -(-width // PATCH)  # of a ResNet's grid, and what the published code takes
        if self._repairs.true_grid and not isinstance(self.backbone, nn.Sequential):
            columns = width // PATCH
        row = torch.div(patches, columns, rounding_mode="floor")
        grid = torch.stack([patches - row * columns, row], dim=-1)
        return (grid * PATCH + PATCH // 2).float() / max(height, width)
