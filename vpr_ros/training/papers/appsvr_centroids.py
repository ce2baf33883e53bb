# SPDX-License-Identifier: Apache-2.0
"""Where APPSVR's clusters begin: centroids of what stays, shadows of what moves.

The semantic-constrained initialization of SRALNet (ICRA 2021) and APPSVR's supplement: 200 local
features of each of 1,000 training images are clustered. Labels of pixels, by whatever segmentation
there is, are needed here alone, never while a robot drives. See ``models.appsvr_attention``
for the papers.

Shapes: P points (local features) of D values, K clusters, L shadow centroids of each.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vpr_ros.errors import ConfigError
from vpr_ros.models.appsvr import Appsvr

_ROUNDS = 25  # of k-means: centroids hardly move afterwards
_PER_LABEL = 16  # shadow candidates of each label; the supplement leaves the number open
_DOMINANCE = 0.01  # what the second cluster gets of the first one's share, at the typical feature


@dataclass(frozen=True)
class Semantics:
    """Which labels of pixels mark what stays, and what comes and goes; others are left out.

    By default the training labels of Cityscapes: from road to traffic sign, and from vegetation to
    bicycle. Off the road, vegetation and terrain may be all there is to see: move them over.
    """

    static: Collection[int] = range(8)
    dynamic: Collection[int] = range(8, 19)


class Centroids(NamedTuple):
    """What a network starts from."""

    informative: Tensor  # [K, D]
    shadows: Tensor  # [K, L, D]
    sharpness: float  # of the assignment, a and b


def labels_at(labels: NDArray[np.integer], size: tuple[int, int]) -> Tensor:
    """Labels [H, W] in the middle of each of (h, w) locations, int64 [N] in row-major order."""
    rows, columns = (
        ((np.arange(count) + 0.5) * side / count).astype(int)
        for count, side in zip(size, labels.shape, strict=True)
    )
    return torch.from_numpy(labels[np.ix_(rows, columns)].astype(np.int64).ravel())


def k_means(points: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """Centroids [K, D] of points [P, D] (Arthur and Vassilvitskii, "k-means++", SODA 2007).

    Raises:
        ConfigError: there are fewer points than clusters.
    """
    if len(points) < clusters:
        raise ConfigError(f"{clusters} clusters of {len(points)} local features: give more images")
    centroids = _spread(points, clusters, generator)
    for _ in range(_ROUNDS):
        nearest = torch.cdist(points, centroids).argmin(dim=1)
        counts = torch.bincount(nearest, minlength=clusters).unsqueeze(1)
        sums = torch.zeros_like(centroids).index_add_(0, nearest, points)
        # A cluster that lost all its points stays where it was.
        centroids = torch.where(counts > 0, sums / counts.clamp_min(1), centroids)
    return centroids


def _spread(points: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """Points far from each other: each drawn by its squared distance to those before."""
    first = int(torch.randint(len(points), (1,), generator=generator))
    chosen, distance = [first], (points - points[first]).square().sum(dim=1)
    while len(chosen) < clusters:
        weights = distance if float(distance.sum()) > 0 else torch.ones_like(distance)
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
        distance = distance.minimum((points - points[chosen[-1]]).square().sum(dim=1))
    return points[chosen]


def semantic_centroids(
    points: Tensor,  # unit local features of many images, [P, D]
    labels: Tensor | None,  # of these points, int [P]; None: of none, and there are no shadows
    clusters: int,  # K
    shadows: int,  # L; without labels, 0
    semantics: Semantics,  # what the labels mean
    generator: torch.Generator,
) -> Centroids:
    """Informative centroids of static classes, and the dynamic ones nearest to each as its shadows.

    Raises:
        ConfigError: there are too few points of some kind.
    """
    if labels is None and shadows:
        raise ConfigError(f"shadows = {shadows}: without labels of pixels there can be none")
    static = points if labels is None else points[_are(labels, semantics.static)]
    informative = k_means(static, clusters, generator)
    nearest = torch.zeros(clusters, 0, points.shape[1])
    if labels is not None and shadows:
        nearest = _shadows(points, labels, semantics, informative, shadows, generator)
    return Centroids(informative, nearest, sharpness(static, informative))


def _are(labels: Tensor, kinds: Collection[int]) -> Tensor:
    return torch.isin(labels, torch.tensor(list(kinds), dtype=labels.dtype))


def _shadows(
    points: Tensor,
    labels: Tensor,
    semantics: Semantics,
    informative: Tensor,
    count: int,
    generator: torch.Generator,
) -> Tensor:
    """Of each label's centroids, all labels together, those nearest to each cluster, [K, L, D]."""
    found = [points[labels == label] for label in semantics.dynamic]
    candidates = torch.cat(
        [k_means(each, min(_PER_LABEL, len(each)), generator) for each in found if len(each)]
        or [points[:0]]
    )
    if len(candidates) < count:
        raise ConfigError(
            f"shadows = {count}: the labels give {len(candidates)} candidates; are they those of "
            "moving things?"
        )
    return candidates[torch.cdist(informative, candidates).topk(count, largest=False).indices]


def sharpness(points: Tensor, centroids: Tensor) -> float:
    """The a at which the typical point's second cluster gets a hundredth of its first one's share.

    NetVLAD's rule of thumb; its paper calls a alpha (section 3.1). Where points lie between
    clusters, a is large.
    """
    if len(centroids) < 2:
        return 1.0
    nearness = 2 * points @ centroids.T - centroids.square().sum(dim=1)
    best = nearness.topk(2, dim=1).values
    gap = float((best[:, 0] - best[:, 1]).mean())
    return -math.log(_DOMINANCE) / max(gap, 1e-6)


def install(network: Appsvr, centroids: Centroids) -> None:
    """Let a network of the same K and L start from these centroids, in place."""
    every = torch.cat([centroids.informative, centroids.shadows.flatten(0, 1)])
    log = math.log(centroids.sharpness)
    with torch.no_grad():
        network.centroids.copy_(centroids.informative)
        network.refinement.nearness.weight.copy_(2 * every)
        network.refinement.nearness.bias.copy_(-every.square().sum(dim=1))
        network.refinement.log_a.fill_(log)
        network.refinement.log_b.fill_(log)
