# SPDX-License-Identifier: Apache-2.0
"""What APPSVR's training begins with and ends with: clusters of local features, and whitening.

See ``appsvr_centroids`` for how clusters are made. Whitening: Herve Jegou, Ondrej Chum, "Negative
Evidences and Co-occurences in Image Retrieval: The Benefit of PCA and Whitening", ECCV 2012.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vpr_ros.drives.image_files import ImageFolder
from vpr_ros.errors import ConfigError, WeightsError
from vpr_ros.extractors.network import prepared
from vpr_ros.images import read_image
from vpr_ros.models import network_of
from vpr_ros.models.appsvr import Appsvr, Sizes, sizes_in
from vpr_ros.models.weights import fitting
from vpr_ros.models.weights_file import read_weights
from vpr_ros.training.papers.appsvr_centroids import (
    Semantics,
    install,
    labels_at,
    semantic_centroids,
)

_IMAGES, _PER_IMAGE = 1000, 200  # local features that are clustered (supplement of APPSVR)
_FLAT = 1e-9  # part of the largest variance below which a direction is rounding
_VGG = "features."  # of torchvision's keys; its classifier is not needed


class Pictures(NamedTuple):
    """Images, and where their pixels' labels are: images of the same names, as PNG, or nowhere."""

    paths: Sequence[Path]
    labels: Path | None = None


def clustered(
    backbone: Path,  # torchvision's VGG-16, or weights of APPSVR or NetVLAD
    pictures: Pictures,  # images to take local features from, a thousand at most
    sizes: Sizes,  # of the network; without labels, no shadows
    semantics: Semantics | None = None,  # what labels mean
    seed: int = 0,  # of what is drawn
) -> dict[str, Tensor]:
    """Weights of an APPSVR that is not trained yet but has clusters.

    Raises:
        WeightsError: the file cannot be read, or holds no VGG-16.
        ImageError: an image is missing or damaged.
        ConfigError: there are too few images, or shadows without labels.
    """
    network = Appsvr(Sizes(sizes.clusters, sizes.shadows, sizes.levels, whitened=0)).eval()
    network.encoder.load_state_dict(_encoder(backbone))
    random = np.random.default_rng(seed)
    chosen = sorted(random.permutation(len(pictures.paths))[:_IMAGES].tolist())
    points, labels = [], []
    for index in chosen:
        features, size = _locations(network, pictures.paths[index])
        rows = torch.from_numpy(random.permutation(len(features))[:_PER_IMAGE])
        points.append(features[rows])
        if pictures.labels is not None:
            labels.append(labels_at(_labels(pictures, index), size)[rows])
    centroids = semantic_centroids(
        torch.cat(points) if points else torch.zeros(0, network.centroids.shape[1]),
        torch.cat(labels) if labels else None,
        sizes.clusters,
        sizes.shadows,
        semantics or Semantics(),
        torch.Generator().manual_seed(seed),
    )
    install(network, centroids)
    return dict(network.state_dict())


def whitened(weights: Path, paths: Sequence[Path], size: int) -> dict[str, Tensor]:
    """Weights with a whitening that is fitted on images, in place of any that was there.

    Raises:
        WeightsError: the file cannot be read, or holds no APPSVR.
        ImageError: an image is missing or damaged.
        ConfigError: there are too few images for this size.
    """
    tensors = fitting(read_weights(weights), "appsvr")
    state = {key: value for key, value in tensors.items() if not key.startswith("whitening.")}
    sizes = sizes_in(state)
    network = Appsvr(Sizes(sizes.clusters, sizes.shadows, sizes.levels, whitened=0)).eval()
    network.load_state_dict(state)
    weight, bias = fit_whitening(torch.cat(list(_residuals(network, paths))), size)
    return {**state, "whitening.weight": weight, "whitening.bias": bias}


def fit_whitening(descriptors: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The directions of most variance, each divided by its standard deviation, as a linear layer.

    With fewer images than values the products of images say the same as those of values do, in a
    matrix that fits into memory: 10,000 images of 32,768 values need 0.8 GB instead of 8.6.

    Returns:
        Weight [P, G] and bias [P] for descriptors [N, G]; what they give is to be normalized.

    Raises:
        ConfigError: the images do not vary in so many directions.
    """
    mean = descriptors.double().mean(dim=0)
    centered = descriptors.double() - mean
    variances, directions = _components(centered, size)
    found = int((variances > _FLAT * variances[:1]).sum()) if len(variances) else 0
    if found < size:
        raise ConfigError(
            f"whitened = {size}: {len(descriptors)} images vary in {found} directions; give more "
            "images, or a smaller size"
        )
    weight = directions / variances.sqrt().unsqueeze(1)
    return weight.float(), -(weight @ mean).float()


def _components(centered: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Variances [P], largest first, and unit directions [P, G], or as many as there are."""
    count, dim = centered.shape
    freedom = max(count - 1, 1)
    if count >= dim:
        values, vectors = torch.linalg.eigh(centered.T @ centered / freedom)
        return values.flip(0)[:size].clamp_min(0), vectors.T.flip(0)[:size]
    values, vectors = torch.linalg.eigh(centered @ centered.T / freedom)
    values = values.flip(0)[:size].clamp_min(0)
    directions = vectors.T.flip(0)[:size] @ centered
    return values, directions / (freedom * values).clamp_min(1e-300).sqrt().unsqueeze(1)


def _residuals(network: Appsvr, paths: Sequence[Path]) -> Iterator[Tensor]:
    for path in paths:
        features, size = _locations(network, path)
        with torch.inference_mode():
            yield network.residuals(features.unsqueeze(0), size)[0]


def _locations(network: Appsvr, path: Path) -> tuple[Tensor, tuple[int, int]]:
    """Local features of an image, [N, 512], and their grid."""
    image = torch.from_numpy(prepared(read_image(path), network_of("appsvr").spec, antialias=True))
    with torch.inference_mode():
        features, size = network.locations(image)
    return features[0].clone(), size


def _labels(pictures: Pictures, index: int) -> np.ndarray:
    path = pictures.paths[index]
    assert pictures.labels is not None  # who calls this has looked
    found = read_image(pictures.labels / f"{path.stem}.png")
    if not (found == found[..., :1]).all():
        raise ConfigError(f"{pictures.labels / path.stem}.png: labels are gray, this has colors")
    return found[..., 0]


def _encoder(path: Path) -> Mapping[str, Tensor]:
    tensors = read_weights(path).tensors
    prefix = next((each for each in (_VGG, "encoder.") if f"{each}0.weight" in tensors), None)
    if prefix is None:
        raise WeightsError(f"{path} holds no VGG-16: neither torchvision's nor APPSVR's")
    expected = Appsvr(Sizes(1, 0, 0, whitened=0)).encoder.state_dict()
    found = {key: tensors.get(f"{prefix}{key}") for key in expected}
    wrong = [
        key for key, value in found.items() if value is None or value.shape != expected[key].shape
    ]
    if wrong:
        raise WeightsError(f"{path} holds another VGG: {prefix}{wrong[0]} does not fit")
    return {key: value for key, value in found.items() if value is not None}


def pictures_in(folder: Path, labels: Path | None = None) -> Pictures:
    """All images of a folder.

    Raises:
        DatasetError: there is no image.
    """
    return Pictures(ImageFolder(folder).paths, labels)
