# SPDX-License-Identifier: Apache-2.0
"""What training minimizes: R2Former's losses, and contrast between two views of each photo.

R2Former: Zhu et al., CVPR 2023, section 3.4, as the authors' code (github.com/bytedance/R2Former)
computes them. Contrast: van den Oord et al., "Representation Learning with Contrastive Predictive
Coding", 2018, in the form of Chen et al., "A Simple Framework for Contrastive Learning of Visual
Representations", ICML 2020, equation 1.

Shapes: B samples, D values of a descriptor, P points of an image, C negatives of a sample.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MARGIN = 0.1  # of R2Former's triplets
_NEVER = float("-inf")


def triplet_sum(
    query: Tensor, positive: Tensor, negative: Tensor, margin: float = MARGIN
) -> Tensor:
    """How much nearer than the margin negatives are, summed over the batch.

    Global descriptors of queries, of the same places and of other places, unit norm, [B, D] each;
    distances are Euclidean.
    """
    # Torch's distance adds 1e-6 to each difference, as the authors' does.
    near = functional.pairwise_distance(query, positive)
    far = functional.pairwise_distance(query, negative)
    return (near - far + margin).clamp_min(0.0).sum()


def rerank_cross_entropy(positive: Tensor, negative: Tensor) -> Tensor:
    """Mean cross entropy of a reranker's judgments of as many right pairs as wrong ones.

    Logits of (query, positive) and of (query, negative), [B, 2]; class 1 is "one place".
    """
    labels = torch.cat([positive.new_ones(len(positive)), negative.new_zeros(len(negative))])
    return functional.cross_entropy(torch.cat([positive, negative]), labels.long())


def r2former_total(triplets: Tensor | None, entropies: Tensor, batch: int) -> Tensor:
    """R2Former's loss of a batch of queries with S negatives each.

    The reductions are mixed as in the authors' code: triplets are sums, cross entropies means, and
    both are divided by the batch's size: ``triplet_sum`` of each negative's slot, [S] or None while
    the backbone is frozen, and ``rerank_cross_entropy`` of each slot, [S].
    """
    losses = entropies if triplets is None else triplets + entropies
    return losses.sum() / (batch * len(entropies))


def contrastive(first: Tensor, second: Tensor, temperature: float, related: Tensor) -> Tensor:
    """Each view's partner shall be the most similar of all views in the batch.

    Global descriptors of one view of each place and of the other, unit norm, [B, D]; related pairs,
    bool [B, B] but for the diagonal, are no negatives.
    """
    views = torch.cat([first, second])
    logits = (views @ views.T / temperature).float()
    count = len(first)
    itself = torch.eye(count, dtype=torch.bool, device=related.device)
    left_out = torch.cat(
        [
            torch.cat([related | itself, related & ~itself], dim=1),
            torch.cat([related & ~itself, related | itself], dim=1),
        ]
    )
    partners = torch.arange(2 * count, device=logits.device).roll(count)
    return functional.cross_entropy(logits.masked_fill(left_out, _NEVER), partners)


def info_nce(query: Tensor, positive: Tensor, negatives: Tensor, tau: float = 0.1) -> Tensor:
    """Equation 3 of SUP-VPR: the loss that both of its stages minimize, a mean over images.

    The text beside it would also "minimize the distance" to negatives, which pulls them in; the
    equation pushes them away. Descriptors have unit norm: [B, D] of queries and of the same places
    or maps, [B, C, D] of others; tau is in units of inner products.
    """
    right = (query * positive).sum(dim=-1, keepdim=True)
    wrong = torch.einsum("bd,bcd->bc", query, negatives)
    logits = torch.cat([right, wrong], dim=1) / tau
    return (logits.logsumexp(dim=1) - logits[:, 0]).mean()


def local_contrastive(
    first: Tensor,  # descriptors of points in one view of each place, any norm, [B, P, D]
    second: Tensor,  # of the same points in the other view, [B, P, D]
    points: Tensor,  # where they lie in the first view, pixels, [B, P, 2]
    is_seen: Tensor,  # whether both views show the point, bool [B, P]
    related: Tensor,  # places whose points are no negatives, bool [B, B]; not the diagonal
    temperature: float,  # by which similarities are divided
    near: float,  # points of one view that are closer, pixels, are not told apart
) -> Tensor:
    """Each point's descriptor shall be most similar to that of the same point in the other view.

    It is told from the other points of its own view, and from those of all other places: within one
    view, where a point lies is enough to know it, and streets would look alike wherever they are.

    Returns:
        The mean over both directions and all points seen; 0 where there are none.
    """
    if not bool(is_seen.any()):
        return first.sum() * 0.0
    # S points are seen; those that are not take no part.
    left, right = (functional.normalize(each[is_seen], dim=-1) for each in (first, second))
    logits = (left @ right.T / temperature).float()  # [S, S]
    place = is_seen.nonzero()[:, 0]
    where = points[is_seen]
    left_out = torch.where(
        place.unsqueeze(1) == place, torch.cdist(where, where) < near, related[place][:, place]
    )
    logits = logits.masked_fill(left_out.fill_diagonal_(False), _NEVER)
    wanted = torch.arange(len(logits), device=logits.device)
    there, back = (functional.cross_entropy(each, wanted) for each in (logits, logits.T))
    return (there + back) / 2
