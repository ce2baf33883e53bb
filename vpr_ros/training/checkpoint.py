# SPDX-License-Identifier: Apache-2.0
"""All that a run needs to go on as if it had never stopped, in one file.

Format 1: a dictionary of plain values and tensors, read without unpickling code: ``format``,
``recipe``, ``stage`` and ``step`` (both of what comes next), ``weights``, ``optimizer`` (None
between stages), ``random`` (torch's state), ``best`` (the stage's best validation so far),
``mining`` (what it remembers) and ``stalled`` (validations since the best one). Files without the
last two began before there were such.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vpr_ros.atomic_file import write_files
from vpr_ros.backends.base import first_line
from vpr_ros.errors import TrainingError
from vpr_ros.training.recipe import Recipe, Stage

FORMAT = 1
FILE = "checkpoint.pt"


@dataclass
class Checkpoint:
    """Where a run is."""

    recipe: dict[str, Any]
    stage: int
    step: int  # done in this stage
    weights: dict[str, Tensor]
    optimizer: dict[str, Any] | None
    random: Tensor
    best: float
    mining: dict[str, Any] = field(default_factory=dict)
    stalled: int = 0


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Replace a run's checkpoint; a process killed meanwhile leaves the old one.

    Raises:
        TrainingError: it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **vars(checkpoint)}, buffer)
    try:
        write_files({folder / FILE: buffer.getvalue()})
    except OSError as error:
        raise TrainingError(f"{folder / FILE} cannot be written: {error.strerror}") from error


def load(folder: Path) -> Checkpoint:
    """The checkpoint of a run.

    Raises:
        TrainingError: there is none, it is damaged, or another version wrote it.
    """
    path = folder / FILE
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
    old, new = checkpoint.recipe, recipe.as_dict()
    for name in ("method", "seed", "drives", "validation"):
        if _plain(old[name]) != _plain(new[name]):
            raise TrainingError(_differs(name, old[name], new[name]))
    begun = checkpoint.stage + (checkpoint.step > 0)
    for number in range(begun):
        # Settings that are newer than the run were, in effect, at their defaults.
        before = {**asdict(Stage()), **old["stages"][number]}
        after = new["stages"][number] if number < len(new["stages"]) else {}
        name = _difference(before, after)
        if name:
            where = f"stages[{number}].{name}"
            raise TrainingError(_differs(where, before.get(name), after.get(name)))


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The first setting that differs; empty if none does."""
    names = sorted({*before, *after})
    return next((each for each in names if before.get(each) != after.get(each)), "")


def _differs(name: str, old: Any, new: Any) -> str:
    return f"the run began with {name} = {old!r}, not {new!r}: begin another one with -o"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
