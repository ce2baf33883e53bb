# SPDX-License-Identifier: Apache-2.0
"""Where a run begins that does not begin with random weights: a trained network, or ImageNet's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vpr_ros.errors import WeightsError
from vpr_ros.models import network_of
from vpr_ros.models.weights import fitting
from vpr_ros.models.weights_file import WeightsFile, read_weights
from vpr_ros.training.trainee import Trainee

_POSITIONS, _SPECIAL = "pos_embed", 2  # of the class and the distillation token


def start(trainee: Trainee, path: Path) -> str:
    """Give networks the weights of a file.

    Args:
        trainee: what is to be trained.
        path: weights of the method, with or without its reranker's, or a distilled DeiT that was
            trained on ImageNet, for R2Former.

    Returns:
        What was taken over, for people.

    Raises:
        WeightsError: the file cannot be read, or fits neither way.
    """
    file = read_weights(path)
    backbone: Any = getattr(trainee.extractor, "backbone", None)
    if "head_dist.weight" in file.tensors and hasattr(backbone, "head_dist"):
        backbone.load_state_dict(_from_imagenet(backbone.state_dict(), file))
        return f"begins with the backbone of {path}"
    network = network_of(trainee.spec.method)
    tensors = fitting(file, trainee.spec.method)
    trainee.fit(tensors)
    _fill(trainee.extractor, tensors)
    prefix = network_of(network.reranker).prefix if network.reranker else ""
    if not prefix or not any(key.startswith(prefix) for key in file.tensors):
        return f"begins with {path}" + (", its reranker with random weights" if prefix else "")
    _fill(trainee.reranker, fitting(file, network.reranker))
    return f"begins with {path}"


def _fill(module: Any, tensors: Mapping[str, Tensor]) -> None:
    """A file may lack what no network reads."""
    module.load_state_dict({**module.state_dict(), **tensors})


def _from_imagenet(own: Mapping[str, Tensor], file: WeightsFile) -> dict[str, Tensor]:
    """As R2Former's authors begin: positions resized, both heads from one of ImageNet's."""
    found = dict(file.tensors)
    found[_POSITIONS] = _resized(found[_POSITIONS])
    for end in ("weight", "bias"):
        head = found[f"head.{end}"][: len(own[f"head.{end}"])]
        found |= {f"head.{end}": head, f"head_dist.{end}": head}
    wrong = sorted({k for k, v in own.items() if k not in found or found[k].shape != v.shape})
    if wrong or found.keys() != own.keys():
        name = wrong[0] if wrong else min(found.keys() - own.keys())
        raise WeightsError(f"{file.path} is no DeiT of this size: {name} does not fit")
    return found


def _resized(positions: Tensor) -> Tensor:
    """Embeddings of positions [1, 2 + P, D] of square images, for 480 x 640 pixels."""
    side = round((positions.shape[1] - _SPECIAL) ** 0.5)
    plane = positions[:, _SPECIAL:].transpose(1, 2).reshape(1, -1, side, side)
    plane = functional.interpolate(plane, size=(30, 40), mode="bilinear", align_corners=False)
    return torch.cat([positions[:, :_SPECIAL], plane.flatten(2).transpose(1, 2)], dim=1)
