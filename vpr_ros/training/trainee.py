# SPDX-License-Identifier: Apache-2.0
"""The networks in training: an extractor and its reranker, under the keys that their file has.

A run that does not begin with random weights begins with a trained network, or with ImageNet's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.datatypes import ImageArray, ModelSpec
from vpr_ros.errors import TrainingError, WeightsError
from vpr_ros.extractors.network import prepared
from vpr_ros.models import network_of
from vpr_ros.models.local_features import Dense
from vpr_ros.models.weights import fitting
from vpr_ros.models.weights_file import WeightsFile, read_weights
from vpr_ros.training.recipe import Stage

_CLASSIFIER = "classifier."
_POSITIONS, _SPECIAL = "pos_embed", 2  # of DeiT; its class and distillation token
CHUNK = 32  # images in one run


class Trainee(nn.Module):
    """An R2Former of any kind with its reranker, or a method that has none."""

    def __init__(self, method: str) -> None:
        """Raises ConfigError if the method is unknown."""
        super().__init__()
        network = network_of(method)
        self.spec: ModelSpec = network.spec
        self.extractor: Any = network.make(network.spec.settings)
        self._prefix, self.reranker = "", cast(Any, nn.Identity())
        self.classifier: nn.Module = nn.Identity()  # until scenes are classified
        if network.reranker:
            companion = network_of(network.reranker)
            self._prefix = companion.prefix
            self.reranker = companion.make(companion.spec.settings)

    def describe(self, images: Tensor) -> Tensor:
        """Global descriptors of normalized images [B, 3, H, W], [B, D]."""
        described: Tensor = self.extractor.describe(images).global_descriptor
        return described

    def class_logits(self, images: Tensor) -> Tensor:
        """What normalized images [B, 3, H, W] show, [B, classes]."""
        logits: Tensor = self.classifier(self.extractor.class_token(images))
        return logits

    def classify(self, classes: int) -> None:
        """Get a classifier for so many classes, or keep the one that an earlier process had.

        Raises:
            TrainingError: the network has no class token; or the classifier is for other classes.
        """
        if not hasattr(self.extractor, "class_token"):
            raise TrainingError(f"{self.spec.method} has no class token to classify scenes by")
        if isinstance(self.classifier, nn.Identity):
            width = self.extractor.transformer.class_emb.shape[-1]
            self.classifier = nn.Linear(width, classes).to(self.device)
        elif self.classifier.out_features != classes:
            raise TrainingError(
                f"the run began with {self.classifier.out_features} classes, not {classes}"
            )

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Run as robots do: in evaluation mode, without gradients."""
        was_training = self.training
        self.eval()
        with torch.inference_mode():
            yield
        self.train(was_training)

    def inputs(
        self,
        read: Callable[[int], ImageArray],
        indices: Iterable[int],
        stage: Stage,
        antialias: bool = True,
    ) -> Iterator[Tensor]:
        """Whole images as robots' networks get them, some at a time, [n, 3, H, W]."""
        spec = replace(self.spec, input_height=stage.height, input_width=stage.width)
        images = (prepared(read(int(each)), spec, antialias) for each in indices)
        while chunk := list(islice(images, CHUNK)):
            yield torch.from_numpy(np.concatenate(chunk)).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.parameters()).device

    def select(self, dense: Dense, size: torch.Size, finetune: bool = True) -> Tensor:
        """Local features [B, K, 3 + C] of images of a size (H, W) that ``describe`` has seen.

        Without ``finetune`` gradients do not reach what comes before the last projection.
        """
        if not finetune:
            dense = dense._replace(sources=dense.sources.detach())
        rows: Tensor = self.extractor.select(dense, *size)["local_features"]
        return rows

    def teach(self, parts: Sequence[str]) -> None:
        """From now on only these parts learn, by the beginnings of their names; none: all."""
        for name, each in self.named_parameters():
            each.requires_grad_(not parts or name.startswith(tuple(parts)))

    def weights(self) -> dict[str, Tensor]:
        """All tensors by the keys of a weights file."""
        prefixed = {f"{self._prefix}{k}": v for k, v in self.reranker.state_dict().items()}
        return {k: v.cpu() for k, v in {**self.extractor.state_dict(), **prefixed}.items()}

    def state(self) -> dict[str, Tensor]:
        """All tensors of a checkpoint: the weights, and the classifier's while there is one."""
        own = {f"{_CLASSIFIER}{k}": v.cpu() for k, v in self.classifier.state_dict().items()}
        return {**self.weights(), **own}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of ``state``; the tensors must fit."""
        own = {k[len(_CLASSIFIER) :]: v for k, v in tensors.items() if k.startswith(_CLASSIFIER)}
        if own:
            self.classify(len(own["bias"]))
            self.classifier.load_state_dict(own)
        self.load_weights({k: v for k, v in tensors.items() if not k.startswith(_CLASSIFIER)})

    def fit(self, tensors: Mapping[str, Tensor]) -> None:
        """Get the sizes that an extractor's weights have, where they may differ: APPSVR's."""
        network = network_of(self.spec.method)
        measured = network.measured(self.spec, tensors)
        if measured != self.spec:
            self.spec = measured
            self.extractor = network.make(measured.settings).to(self.device)

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of ``weights``; the tensors must fit."""
        self.fit(tensors)
        own = set(self.extractor.state_dict())
        start = len(self._prefix)
        self.extractor.load_state_dict({k: v for k, v in tensors.items() if k in own})
        self.reranker.load_state_dict({k[start:]: v for k, v in tensors.items() if k not in own})

    def learning(self) -> list[nn.Parameter]:
        """What may change."""
        return [each for each in self.parameters() if each.requires_grad]


def start(trainee: Trainee, path: Path) -> str:
    """Give networks the weights of a file.

    They are the method's, with or without its reranker's, or for R2Former those of a distilled DeiT
    that was trained on ImageNet.

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
