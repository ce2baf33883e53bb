# SPDX-License-Identifier: Apache-2.0
"""The networks in training: an extractor and its reranker, under the keys that their file has."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from vpr_ros.backends.atomic_file import write_files
from vpr_ros.datatypes import ModelSpec
from vpr_ros.models import network_of
from vpr_ros.models.r2former_backbones import Dense


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
        if self.has_reranker:
            companion = network_of(network.reranker)
            self._prefix = companion.prefix
            self.reranker = companion.make(companion.spec.settings)

    def describe(self, images: Tensor) -> Tensor:
        """Global descriptors of normalized images [B, 3, H, W], [B, D]."""
        described: Tensor = self.extractor.describe(images).global_descriptor
        return described

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

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of ``weights``; the tensors must fit."""
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
