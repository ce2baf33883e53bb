# SPDX-License-Identifier: Apache-2.0
"""APPSVR's attentions: which local features count, in which regions.

Papers: Guohao Peng, Yufeng Yue, Jun Zhang, Zhenyu Wu, Xiaoyu Tang, Danwei Wang, "Semantic
Reinforced Attention Learning for Visual Place Recognition" (SRALNet), ICRA 2021, arXiv:2108.08443,
for the local refinement; Guohao Peng, Jun Zhang, Heshan Li, Danwei Wang, "Attentional Pyramid
Pooling of Salient Visual Residuals for Place Recognition" (APPSVR), ICCV 2021, for the pyramid.
Neither paper's authors published code, and neither text fixes all that a program needs: what had to
be chosen says so.

Shapes: B images, N = h x w locations in row-major order, D features, K clusters, L shadow
centroids of each, R = g x g regions of a grid.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_SMALLEST = 1e-6  # norm: less would make features of float noise


class LocalRefinement(nn.Module):
    """Soft assignment to clusters, each of which turns away what its shadows attract more.

    Of a unit feature x, ``u = 2 c . x - |c|^2`` is its nearness to a centroid c. Across clusters,
    informative centroids alone compete: ``alpha_k = softmax_k(a u_k)``. Inside cluster k, its
    informative centroid competes with its own shadows: ``beta_k = exp(b u_k) / (exp(b u_k) +
    sum_l exp(b u_kl))``. (GhostVLAD's ghosts compete with all clusters at once instead.)

    As NetVLAD does, weights and biases of u are learned by themselves once centroids have set them
    (Arandjelovic et al., CVPR 2016, section 3.1): so NetVLAD's weights are a case of these.
    """

    def __init__(self, dim: int, clusters: int, shadows: int) -> None:
        super().__init__()
        self.clusters, self.shadows = clusters, shadows
        # Rows: an informative centroid for each cluster, then the shadows of the first cluster,
        # those of the second, and so on.
        self.nearness = nn.Linear(dim, clusters * (1 + shadows))
        # Sharpness must stay positive, whatever training does. The papers do not say how;
        # logarithms let 1, which NetVLAD's weights need, be exact.
        self.log_a = nn.Parameter(torch.zeros(()))
        self.log_b = nn.Parameter(torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Weights alpha beta of unit features [B, N, D] in each cluster, [B, K, N]."""
        nearness: Tensor = self.nearness(features).transpose(1, 2)  # [B, K (1 + L), N]
        own = nearness[:, : self.clusters]
        weights: Tensor = (self.log_a.exp() * own).softmax(dim=1)
        if self.shadows:
            shape = (-1, self.clusters, self.shadows, nearness.shape[-1])
            others = nearness[:, self.clusters :].reshape(shape)
            b = self.log_b.exp()
            weights = weights * torch.sigmoid(b * own - (b * others).logsumexp(dim=2))
        return weights


class SpatialPyramid(nn.Module):
    """Regions of finer and finer grids compete by what is salient in them.

    The mean over the levels of sums over regions, each weighted by its region's attention, is one
    sum over locations: the pyramid is a weight for each location.

    Chosen, for the paper is not public enough to tell: grids of 1, 2 and 4, as of spatial pyramid
    matching (Lazebnik et al., CVPR 2006); levels add up instead of standing side by side, because
    the paper compares sizes of descriptors with NetVLAD's; a region's attention is a softmax over
    its level times the number of regions, so that a level that knows nothing weighs all alike. A
    bias of a level would cancel in its softmax: there is none. A grid of 1 always weighs 1, so that
    one level equals none.
    """

    GRIDS = (1, 2, 4)

    def __init__(self, dim: int, levels: int) -> None:
        super().__init__()
        self._grids = self.GRIDS[:levels]
        self.scorers = nn.Parameter(torch.zeros(levels, dim))  # how salient a direction is

    def forward(self, features: Tensor, salience: Tensor, size: tuple[int, int]) -> Tensor:
        """A weight for each location, of mean about 1, [B, N].

        Of unit features [B, N, D] at (h, w) locations, and what the local refinement makes of them,
        [B, N].
        """
        if not self._grids:
            return torch.ones_like(salience)
        salient = salience.unsqueeze(-1) * features
        levels = []
        for grid, scorer in zip(self._grids, self.scorers, strict=True):
            members = regions(size, grid, features.device)
            attention = region_attention(members @ salient, scorer)
            levels.append(attention @ members)
        return torch.stack(levels).mean(dim=0)


def region_attention(sums: Tensor, scorer: Tensor) -> Tensor:  # of [B, R, D] and [D]
    """How much each region of a level counts, of mean 1, [B, R], by its sum of salient features."""
    # Not a product with a vector, whose weights ONNX Runtime cannot quantize.
    logits = (functional.normalize(sums, dim=-1, eps=_SMALLEST) * scorer).sum(dim=-1)
    return logits.softmax(dim=-1) * logits.shape[-1]


def regions(size: tuple[int, int], grid: int, device: torch.device | None = None) -> Tensor:
    """Which of (h, w) locations are of which region, 1 or 0, float32 [R, N].

    Adaptive pooling would count locations twice where a side is no multiple of the grid.
    """
    row, column = (
        torch.div(torch.arange(side, device=device) * grid, side, rounding_mode="floor")
        for side in size
    )
    region = (row.unsqueeze(1) * grid + column).flatten()
    numbers = torch.arange(grid * grid, device=device)
    return (region == numbers.unsqueeze(1)).float()


def pooled(features: Tensor, weights: Tensor, centroids: Tensor) -> Tensor:
    """Weighted [B, K, N] sums of residuals of features [B, N, D] to centroids [K, D], [B, K, D]."""
    return weights @ features - weights.sum(dim=-1, keepdim=True) * centroids


def normalized_clusters(residuals: Tensor, weights: Tensor) -> Tensor:
    """The parametric normalization: clusters [B, K, D] of unit norm times a weight each, [K].

    The paper names it an attention over clusters that adjusts how much each contributes; a learned
    weight for each is the plainest reading. With weights of 1 it is NetVLAD's intra-normalization.
    """
    return functional.normalize(residuals, dim=-1, eps=_SMALLEST) * weights.unsqueeze(-1)
