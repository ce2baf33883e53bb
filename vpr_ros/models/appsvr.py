# SPDX-License-Identifier: Apache-2.0
"""APPSVR: residuals of salient local features, pooled by attention; NetVLAD is its simplest case.

Paper: Guohao Peng, Jun Zhang, Heshan Li, Danwei Wang, "Attentional Pyramid Pooling of Salient
Visual Residuals for Place Recognition", ICCV 2021, pp. 885-894. There is no official code; see
``appsvr_attention`` for what had to be chosen. NetVLAD: Relja Arandjelovic, Petr Gronat, Akihiko
Torii, Tomas Pajdla, Josef Sivic, "NetVLAD: CNN Architecture for Weakly Supervised Place
Recognition", CVPR 2016, arXiv:1511.07247.

Shapes: B images, N = h x w locations, D = 512 features, K clusters, P = min(num_local, N).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.errors import ConfigError
from vpr_ros.models.appsvr_attention import (
    LocalRefinement,
    SpatialPyramid,
    normalized_clusters,
    pooled,
)
from vpr_ros.models.local_features import Dense, centers, selected

NUM_LOCAL = 500
STRIDE = 16  # pixels from one local feature to the next
DIM = 512  # features of a location

_POOL = 0
_VGG16 = (64, 64, _POOL, 128, 128, _POOL, 256, 256, 256, _POOL, *(512, 512, 512, _POOL) * 2)


@dataclass(frozen=True)
class Sizes:
    """What a file of weights says by its shapes."""

    clusters: int = 64  # K; 64 in the papers
    shadows: int = 4  # shadow centroids of each cluster; 0: no local refinement
    levels: int = 3  # of the spatial pyramid, 0 to 3; 0 and 1 weigh all locations alike
    whitened: int = 4096  # size of the whitened descriptor; 0: the residuals themselves, K x 512

    def __post_init__(self) -> None:
        if not 0 <= self.levels <= len(SpatialPyramid.GRIDS):
            most = len(SpatialPyramid.GRIDS)
            raise ConfigError(f"levels = {self.levels}: must be between 0 and {most}")

    @property
    def global_dim(self) -> int:
        """Size of the global descriptor."""
        return self.whitened or self.clusters * DIM


class Appsvr(nn.Module):
    """Images in, descriptors out."""

    def __init__(self, sizes: Sizes | None = None, num_local: int = NUM_LOCAL) -> None:
        super().__init__()
        sizes = sizes or Sizes()
        self._num_local = num_local
        self.encoder = vgg16_conv5()
        self.refinement = LocalRefinement(DIM, sizes.clusters, sizes.shadows)
        self.pyramid = SpatialPyramid(DIM, sizes.levels)
        self.centroids = nn.Parameter(torch.zeros(sizes.clusters, DIM))
        self.cluster_weights = nn.Parameter(torch.ones(sizes.clusters))
        self.whitening = (
            nn.Linear(sizes.clusters * DIM, sizes.whitened) if sizes.whitened else nn.Identity()
        )

    def locations(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Unit features [B, N, D] of normalized images [B, 3, H, W], and (h, w)."""
        dense = self.encoder(image).float()  # under autocast half floats, too coarse for norms
        features = functional.normalize(dense.flatten(2).transpose(1, 2), dim=-1)
        return features, (dense.shape[2], dense.shape[3])

    def residuals(self, features: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The descriptor before whitening, [B, K D] of unit norm, and the attention [B, N]."""
        weights = self.refinement(features)
        salience = weights.sum(dim=1)
        regional = self.pyramid(features, salience, size)
        sums = pooled(features, weights * regional.unsqueeze(1), self.centroids)
        flat = normalized_clusters(sums, self.cluster_weights).flatten(1)
        return functional.normalize(flat, dim=1), regional * salience

    def describe(self, image: Tensor) -> Dense:
        """Describe normalized images [B, 3, H, W]; pixels beyond multiples of 16 are not seen.

        Raises:
            ConfigError: H or W is less than 16.
        """
        if min(image.shape[-2:]) < STRIDE:
            height, width = image.shape[-2:]
            raise ConfigError(f"input {width}x{height}: both sides must be {STRIDE} at least")
        features, size = self.locations(image)
        flat, attention = self.residuals(features, size)
        return Dense(functional.normalize(self.whitening(flat).float(), dim=1), attention, features)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Describe normalized images [B, 3, H, W] in the form that all extractors share.

        The paper describes images as a whole and compares nothing else. A verdict that a robot acts
        on needs geometry, so the locations of most attention are given as ``local_features``
        [B, P, 515], beside ``global_descriptor`` [B, G].
        """
        height, width = image.shape[-2:]
        locate = partial(centers, columns=width // STRIDE, pitch=STRIDE, side=max(height, width))
        return selected(self.describe(image), nn.Identity(), self._num_local, locate)


def vgg16_conv5() -> nn.Sequential:
    """Images [B, 3, H, W] to conv5_3 [B, 512, H // 16, W // 16], not trained.

    Karen Simonyan, Andrew Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
    Recognition", ICLR 2015, configuration D. Layers have the numbers that torchvision gives them,
    so that its weights and those of NetVLAD's PyTorch implementations load. NetVLAD cuts before the
    last rectifier and the last pooling: features may be negative.
    """
    layers: list[nn.Module] = []
    channels = 3
    for width in _VGG16:
        if width == _POOL:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers[:-2])


def sizes_in(tensors: Mapping[str, Tensor]) -> Sizes:
    """The sizes of a network from the shapes of its weights; what is missing has the default."""
    default = Sizes()
    clusters = _rows(tensors, "centroids", default.clusters)
    rows = _rows(tensors, "refinement.nearness.bias", clusters * (1 + default.shadows))
    levels = _rows(tensors, "pyramid.scorers", default.levels)
    return Sizes(
        clusters=clusters,
        shadows=max(rows // max(clusters, 1) - 1, 0),
        levels=min(levels, len(SpatialPyramid.GRIDS)),  # more have the wrong shape
        whitened=_rows(tensors, "whitening.bias", 0),
    )


def _rows(tensors: Mapping[str, Tensor], key: str, otherwise: int) -> int:
    return tensors[key].shape[0] if key in tensors and tensors[key].dim() else otherwise


def from_netvlad(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of NetVLAD as those of the network that computes the same; others as they are.

    These are the keys of NetVLAD's PyTorch implementation (pytorch-NetVlad) and of Patch-NetVLAD,
    which stores the whitening, too.
    """
    # Files of several GPUs wrap encoder and pooling apart, each by DataParallel.
    wrapped = any(key.startswith("pool.module.") for key in tensors)
    state = {
        key.replace(".module.", ".", 1) if wrapped else key: value for key, value in tensors.items()
    }
    if not {"pool.centroids", "pool.conv.weight"} <= set(state):
        return state
    centroids, weight = state.pop("pool.centroids"), state.pop("pool.conv.weight")
    clusters = len(weight)
    state["centroids"] = centroids
    state["refinement.nearness.weight"] = weight.flatten(1)
    state["refinement.nearness.bias"] = state.pop("pool.conv.bias", torch.zeros(clusters))
    state["refinement.log_a"] = state["refinement.log_b"] = torch.zeros(())
    state["pyramid.scorers"] = torch.zeros(0, DIM)
    state["cluster_weights"] = torch.ones(clusters)
    if "WPCA.0.weight" in state:
        state["whitening.weight"] = state.pop("WPCA.0.weight").flatten(1)
        state["whitening.bias"] = state.pop("WPCA.0.bias", torch.zeros(0))
    return state
