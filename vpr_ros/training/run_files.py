# SPDX-License-Identifier: Apache-2.0
"""What a run leaves in its folder: a checkpoint to go on from, weights, and a log.

The checkpoint is all that a run needs to go on as if it had never stopped. Format 1: a dictionary
of plain values and tensors, read without unpickling code: ``format`` and the fields of
``Checkpoint``. Files without the last two of them began before there were such.
"""

from __future__ import annotations

import io
import json
import pickle
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vpr_ros.atomic_file import write_files
from vpr_ros.backends.base import first_line
from vpr_ros.errors import TrainingError
from vpr_ros.training.recipe import Recipe, Stage
from vpr_ros.training.trainee import Trainee

FORMAT = 1
CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
Figures = dict[str, float]


@dataclass
class Checkpoint:
    """Where a run is."""

    recipe: dict[str, Any]
    stage: int  # of what comes next
    step: int  # done in this stage
    weights: dict[str, Tensor]
    optimizer: dict[str, Any] | None  # None between stages
    random: Tensor  # torch's state
    best: float  # validation of the stage so far
    mining: dict[str, Any] = field(default_factory=dict)  # what it remembers
    stalled: int = 0  # validations since the best one


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Replace a run's checkpoint; a process killed meanwhile leaves the old one.

    Raises:
        TrainingError: it cannot be written.
    """
    path = folder / CHECKPOINT
    try:
        _write({"format": FORMAT, **vars(checkpoint)}, path)
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error.strerror}") from error


def load_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint of a run.

    Raises:
        TrainingError: there is none, it is damaged, or another version wrote it.
    """
    path = folder / CHECKPOINT
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainingError(f"{path}: there is no such checkpoint: leave --resume out") from error
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{path} cannot be read: {first_line(error)}") from error
    found = content.pop("format", None) if isinstance(content, dict) else None
    if found != FORMAT:
        raise TrainingError(f"{path}: format {found}, not {FORMAT}: another version wrote it")
    try:
        return Checkpoint(**content)
    except TypeError as error:
        raise TrainingError(f"{path} is no checkpoint of a run: {error}") from error


def check_recipe(checkpoint: Checkpoint, recipe: Recipe) -> None:
    """A run goes on by the recipe it began with; only stages still to come may differ.

    Raises:
        TrainingError: something else differs; the message names it.
    """
    begun = checkpoint.stage + (checkpoint.step > 0)
    old, new = (_fixed(each, begun) for each in (checkpoint.recipe, asdict(recipe)))
    for name, value in old.items():
        if new.get(name) != value:
            raise TrainingError(
                f"the run began with {name} = {value!r}, not {new.get(name)!r}: begin another one "
                "with -o"
            )


def _fixed(recipe: Mapping[str, Any], begun: int) -> dict[str, Any]:
    """What may not change once so many stages have begun, by its name in the recipe."""
    fixed = {name: recipe[name] for name in ("method", "seed", "drives")}
    fixed["validation"] = list(recipe["validation"])
    for number, stage in enumerate(recipe["stages"][:begun]):
        # Settings that are newer than the run were, in effect, at their defaults.
        settings = sorted({**asdict(Stage()), **stage}.items())
        fixed |= {f"stages[{number}].{name}": value for name, value in settings}
    return fixed


def write_weights(trainee: Trainee, path: Path) -> None:
    """Write what 'vpr export' and 'vpr weights' read.

    Raises:
        OSError: the file cannot be written; an old one is still there.
    """
    _write(trainee.weights(), path)


def _write(content: Any, path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_files({path: buffer.getvalue()})


class Journal:
    """The log, a JSON object in each line, and what TensorBoard reads where it is installed."""

    def __init__(self, folder: Path) -> None:
        """Append to the log of a run, or begin it."""
        self._file = (folder / LOG).open("a", encoding="utf-8")
        self._board: Any = None
        with suppress(ImportError):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder))

    def write(self, kind: str, stage: str, step: int, figures: Figures) -> None:
        """Add figures of a kind, "train" or "validation", at a step within a stage."""
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
