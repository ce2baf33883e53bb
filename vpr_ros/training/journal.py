# SPDX-License-Identifier: Apache-2.0
"""The log of a run: JSON lines always, TensorBoard where it is installed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

FILE = "log.jsonl"
Figures = dict[str, float]


class Journal:
    """Writes figures by the step that they belong to."""

    def __init__(self, folder: Path) -> None:
        """Append to the log of a run, or begin it."""
        self._file = (folder / FILE).open("a", encoding="utf-8")
        self._board = _board(folder)

    def write(self, kind: str, stage: str, step: int, figures: Figures) -> None:
        """Add figures.

        Args:
            kind: "train" or "validation".
            stage: name of the stage.
            step: within the stage.
            figures: by name.
        """
        rounded = {name: round(value, 6) for name, value in figures.items()}
        line = {"kind": kind, "stage": stage, "step": step, "time": round(time.time()), **rounded}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{stage}/{kind}/{name}", value, step)

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def figures_of(values: Mapping[str, Tensor]) -> Figures:
    """Tensors of one value as figures, without their gradients."""
    return {name: float(value.detach()) for name, value in values.items()}


def _board(folder: Path) -> Any:
    """TensorBoard's writer, or None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
