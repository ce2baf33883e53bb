# SPDX-License-Identifier: Apache-2.0
"""Local features in the form that all networks give: u, v, score and descriptor, row by row.

(u, v) is the center of a patch in pixels, divided by the longer side of the input.

Shapes: B images, P = h x w patches in row-major order, D features of a token, C of a descriptor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Dense(NamedTuple):
    """An image before its local features are selected."""

    global_descriptor: Tensor  # [B, G] unit norm
    attention: Tensor  # [B, P] how much each patch gets
    sources: Tensor  # [B, at least P, D] row p is what the local feature of patch p is made of


def selected(
    dense: Dense, head: nn.Module, num_local: int, locate: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """The local features of most attention beside the global descriptor, as networks give them.

    Args:
        dense: the images.
        head: from sources to descriptors of local features.
        num_local: local features of an image, K; all patches if there are fewer.
        locate: from numbers of patches [B, K] to their (u, v) [B, K, 2].

    Returns:
        ``global_descriptor`` [B, D] and ``local_features`` [B, K, 3 + C] by descending attention.
    """
    count = min(num_local, dense.attention.shape[1])
    # Which of two equal patches comes first is left to the sort, as in R2Former's own code.
    attention, patches = dense.attention.detach().float().topk(count, dim=1)
    index = patches.unsqueeze(-1).expand(-1, -1, dense.sources.shape[-1])
    features = head(dense.sources.gather(1, index))
    relative = (attention / attention[:, :1]).unsqueeze(-1)
    return {
        "global_descriptor": dense.global_descriptor.float(),
        "local_features": torch.cat([locate(patches), relative, features.float()], dim=-1),
    }


def centers(patches: Tensor, columns: int, pitch: int, side: int) -> Tensor:
    """(u, v) of numbered patches [B, K] of a grid, [B, K, 2]; pitch and longer side in pixels."""
    row = torch.div(patches, columns, rounding_mode="floor")
    grid = torch.stack([patches - row * columns, row], dim=-1)
    return (grid * pitch + pitch // 2).float() / side


def all_centers(image: Tensor, pitch: int) -> Tensor:
    """(u, v) of all patches of images [B, 3, H, W], [P, 2]."""
    height, width = image.shape[-2:]
    y, x = (
        torch.arange(pitch // 2, side, pitch, device=image.device, dtype=torch.float32)
        for side in (height, width)
    )
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1) / max(height, width)
