# SPDX-License-Identifier: Apache-2.0
"""Which images of other cities SUP-VPR's map stage learns from.

Shapes: N images of one city or of all, D values of a descriptor of unit norm.
"""

from __future__ import annotations

import torch
from torch import Tensor


def mean_similarity(descriptors: Tensor) -> float:
    """Mean inner product of two different images of a city, ``(n^2 |mu|^2 - n) / (n^2 - n)``.

    All pairs add up to the square of the sum, each image with itself to 1: no pair is looked at.

    Args:
        descriptors: of a city, [N, D].

    Returns:
        1 for a city of one image, which is as alike as can be.
    """
    count = len(descriptors)
    if count < 2:
        return 1.0
    total = descriptors.double().sum(dim=0).square().sum()
    return float((total - count) / (count * count - count))


def hard_negatives(anchor: Tensor, others: Tensor, similarity: float, count: int = 5) -> Tensor:
    """The images of other cities that are as alike to an anchor as its own city is, on average.

    The paper says both that these are nearest to the anchor's counterpart and that they are nearest
    to the city's mean. Where no image of elsewhere exceeds the mean, that is the same; where one
    does, it likely shows the same thing, and the second rule leaves it out.

    Args:
        anchor: [D].
        others: of other cities, [N, D].
        similarity: ``mean_similarity`` of the anchor's city.
        count: how many.

    Returns:
        Rows of ``others``, nearest to the mean first, int64 [min(count, N)].
    """
    distance = (others @ anchor - similarity).abs()
    return distance.topk(min(count, len(others)), largest=False).indices


def info_nce(query: Tensor, positive: Tensor, negatives: Tensor, tau: float = 0.1) -> Tensor:
    """Equation 3: the loss that both stages minimize, a mean over images.

    The text beside it would also "minimize the distance" to negatives, which pulls them in; the
    equation pushes them away.

    Args:
        query: unit norm, [B, D].
        positive: of the same place or map, [B, D].
        negatives: of others, [B, C, D].
        tau: temperature, in units of inner products.
    """
    right = (query * positive).sum(dim=-1, keepdim=True)
    wrong = torch.einsum("bd,bcd->bc", query, negatives)
    logits = torch.cat([right, wrong], dim=1) / tau
    return (logits.logsumexp(dim=1) - logits[:, 0]).mean()
