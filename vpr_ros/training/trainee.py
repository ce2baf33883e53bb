# SPDX-License-Identifier: Apache-2.0
"""The networks in training: an extractor and its reranker, under the keys that their file has."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vpr_ros.backends.atomic_file import write_files
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import ConfigError
from vpr_ros.models import network_of
from vpr_ros.models.r2former_backbones import Dense


class Trainee(nn.Module):
    """An R2Former of any kind with its reranker."""

    def __init__(self, method: str) -> None:
        """Make both networks, not trained.

        Raises:
            ConfigError: the method is unknown, or has no learned reranker.
        """
        super().__init__()
        network = network_of(method)
        if not network.reranker:
            raise ConfigError(f"method {method!r} has no reranker to train")
        self.spec: ModelSpec = network.spec
        self.extractor: Any = network.make(network.spec.settings)
        companion = network_of(network.reranker)
        self.reranker: Any = companion.make(companion.spec.settings)
        self._prefix = companion.prefix

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

    def freeze_backbone(self) -> None:
        """Only the projection of local features and the reranker learn from now on."""
        for part in (self.extractor, self.extractor.local_head):
            part.requires_grad_(part is self.extractor.local_head)

    def weights(self) -> dict[str, Tensor]:
        """All tensors by the keys of a weights file."""
        prefixed = {f"{self._prefix}{k}": v for k, v in self.reranker.state_dict().items()}
        return {k: v.cpu() for k, v in {**self.extractor.state_dict(), **prefixed}.items()}

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of ``weights``; the tensors must fit."""
        start = len(self._prefix)
        reranker = {k[start:]: v for k, v in tensors.items() if k.startswith(self._prefix)}
        self.reranker.load_state_dict(reranker)
        others = {k: v for k, v in tensors.items() if not k.startswith(self._prefix)}
        self.extractor.load_state_dict(others)

    def learning(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Names and values of what may change."""
        return ((name, each) for name, each in self.named_parameters() if each.requires_grad)


def write_weights(trainee: Trainee, path: Path) -> None:
    """Write what 'vpr export' and 'vpr weights' read.

    Raises:
        OSError: the file cannot be written; an old one is still there.
    """
    buffer = io.BytesIO()
    torch.save(trainee.weights(), buffer)
    write_files({path: buffer.getvalue()})
