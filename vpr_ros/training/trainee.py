# SPDX-License-Identifier: Apache-2.0
"""The networks in training: an extractor and its reranker, under the keys that their file has."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from vpr_ros.atomic_file import write_files
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import TrainingError
from vpr_ros.models import network_of
from vpr_ros.models.r2former_backbones import Dense

_CLASSIFIER = "classifier."


class Trainee(nn.Module):
    """An R2Former of any kind with its reranker, or a method that has none."""

    def __init__(self, method: str) -> None:
        """Make the networks, not trained.

        Raises:
            ConfigError: the method is unknown.
        """
        super().__init__()
        network = network_of(method)
        self.spec: ModelSpec = network.spec
        self.extractor: Any = network.make(network.spec.settings)
        self.has_reranker = bool(network.reranker)
        self._prefix, self.reranker = "", cast(Any, nn.Identity())
        self.classifier: nn.Module = nn.Identity()  # until scenes are classified
        if self.has_reranker:
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

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.parameters()).device

    def select(self, dense: Dense, size: torch.Size, finetune: bool = True) -> Tensor:
        """Local features [B, K, 3 + C] of images of a size (H, W).

        Args:
            dense: what the extractor's ``describe`` gave.
            size: (height, width), pixels.
            finetune: whether gradients reach what comes before the last projection.
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


def write_weights(trainee: Trainee, path: Path) -> None:
    """Write what 'vpr export' and 'vpr weights' read.

    Raises:
        OSError: the file cannot be written; an old one is still there.
    """
    buffer = io.BytesIO()
    torch.save(trainee.weights(), buffer)
    write_files({path: buffer.getvalue()})
