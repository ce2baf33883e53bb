# SPDX-License-Identifier: Apache-2.0
"""What a training run does, read from a YAML file: data, and stages one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from torch.optim import SGD, Adam, AdamW, Optimizer

from vpr_ros.config import check_all, with_settings
from vpr_ros.config.setting import setting
from vpr_ros.errors import ConfigError
from vpr_ros.models import variant_of
from vpr_ros.training.appearance import AppearanceRecipe
from vpr_ros.training.papers.labels import LabelRecipe
from vpr_ros.training.views import ViewRecipe

_TYPES: dict[str, type[Any]] = {  # of what a recipe has besides stages
    "method": str,
    "variant": str,
    "seed": int,
    "validate_every": int,
    "drives": dict,
    "validation": list,
}
MINING = ("partial", "full", "random", "global", "violators")
Schedule = Callable[[float, float, float], float]  # (done, all, warm-up), one unit each -> factor

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": partial(SGD, momentum=0.9),
}


def constant(done: float, total: float, warmup: float) -> float:
    """The full rate, after a linear rise."""
    del total
    return min(1.0, (done + 1.0) / (warmup + 1.0))


def cosine(done: float, total: float, warmup: float) -> float:
    """A linear rise, then half a cosine down to 1 % of the rate, so that the last steps count."""
    if done < warmup:
        return (done + 1.0) / (warmup + 1.0)
    left = (done - warmup) / max(total - warmup, 1.0)
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(left, 1.0)))


def r2former(done: float, total: float, warmup: float) -> float:
    """R2Former's, by whole epochs: from a tenth, then half a cosine that began with the warm-up."""
    epoch = math.floor(done)
    if epoch < warmup:
        return 0.1 * (1.0 - epoch / warmup) + epoch / warmup
    return 0.5 * (1.0 + math.cos(math.pi * epoch / total))


def transvpr(done: float, total: float, warmup: float) -> float:
    """TransVPR's, by whole epochs: 1/5, 1/4 .. 1 of the rate, then half a cosine."""
    epoch = math.floor(done)
    if epoch < warmup:
        return 1.0 / (warmup - epoch)
    return 0.5 * (1.0 + math.cos(math.pi * (epoch - warmup) / (total - warmup)))


# Rates are a function of how much of a stage is done: nothing to be stored or resumed.
SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "cosine": cosine,
    # Halved after every five epochs, as NetVLAD's is.
    "appsvr": lambda done, *_: float(0.5 ** (math.floor(done) // 5)),
    "r2former": r2former,
    # A twentieth less after every epoch, which is 500 steps there.
    "sup_vpr": lambda done, *_: float(0.95 ** math.floor(done)),
    "transvpr": transvpr,
}


@dataclass(frozen=True)
class Stage:
    """One part of a run: what is minimized, on what, and how."""

    name: str = setting("stage", "What logs call it")
    task: str = setting("contrast", "What a step minimizes: a name in tasks.TASKS")
    steps: int = setting(1000, "Steps of the optimizer", minimum=1)
    batch: int = setting(64, "Places in a step", minimum=2, maximum=65536)
    height: int = setting(160, "Of the network's input, pixels", minimum=32, maximum=4096)
    width: int = setting(224, "Of the network's input, pixels", minimum=32, maximum=4096)
    patience: int = setting(
        0, "Validations without a better score that end the stage; 0: any number", minimum=0
    )
    optimizer: str = setting("adamw", "What changes the weights", choices=tuple(OPTIMIZERS))
    learning_rate: float = setting(1e-3, "The highest", minimum=0.0, maximum=1.0)
    schedule: str = setting("cosine", "How the rate changes", choices=tuple(SCHEDULES))
    warmup: int = setting(50, "Steps until the full rate", minimum=0)
    epoch: int = setting(1, "Steps after which schedules by epochs change the rate", minimum=1)
    weight_decay: float = setting(0.03, "On everything that learns", minimum=0.0, maximum=1.0)
    clip: float = setting(0.0, "Largest norm of a step's gradient; 0: any", minimum=0.0)
    precision: str = setting("fp32", "Of the arithmetic", choices=("fp32", "bf16"))
    temperature: float = setting(0.07, "Similarities are divided by it", minimum=1e-3, maximum=1.0)
    local_weight: float = setting(1.0, "Of the local features' contrast", minimum=0.0)
    local_points: int = setting(64, "Points of a view that are compared", minimum=2, maximum=4096)
    neighbor_share: float = setting(
        0.5, "Share of drives' frames whose other view is a neighbor", minimum=0.0, maximum=1.0
    )
    neighbor_reach: float = setting(1.0, "Farthest neighbor, frames", minimum=0.0)
    related_reach: float = setting(8.0, "Frames so close are never negatives", minimum=0.0)
    by_drive: bool = setting(
        False, "Whether photos of one drive come in one batch: negatives that look alike"
    )
    augment: bool = setting(
        False, "Whether places of data sets are shown in another light, as photos are"
    )
    hardness: int = setting(8, "Negatives are drawn from so many of the hardest", minimum=1)
    mining: str = setting("partial", "How negatives of triplets are found", choices=MINING)
    negatives: int = setting(1, "Of each query of triplets", minimum=1, maximum=1000)
    refresh: int = setting(10000, "Queries from one mining to the next", minimum=1)
    margin: float = setting(0.1, "Of triplets", minimum=0.0, maximum=2.0)
    teaches: tuple[str, ...] = setting(
        (), "Parts of the network that learn alone, such as extractor.pool; none: the task's"
    )
    finetune: bool = setting(False, "Whether the reranker's loss reaches the backbone")
    views: ViewRecipe = field(default_factory=ViewRecipe)
    appearance: AppearanceRecipe = field(default_factory=AppearanceRecipe)
    labels: LabelRecipe = field(default_factory=LabelRecipe)

    def __post_init__(self) -> None:
        check_all(self)


@dataclass(frozen=True)
class Recipe:
    """A whole run."""

    method: str
    stages: tuple[Stage, ...]
    variant: str = ""  # another of the method's networks
    seed: int = 0
    validate_every: int = 200  # steps; 0: an epoch of the stage
    drives: Mapping[str, float] = field(default_factory=dict)  # see ``photos.read_photos``
    validation: tuple[str, ...] = ()  # patterns of the photos' names

    @property
    def network(self) -> str:
        """What is trained, a name in ``vpr_ros.models``.

        Raises:
            ConfigError: the method has no such variant.
        """
        return variant_of(self.method, self.variant)


def read_recipe(path: Path) -> Recipe:
    """A recipe from a YAML file.

    Raises:
        ConfigError: it cannot be read, or holds something that is no part of a recipe.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    try:
        return _recipe(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _recipe(content: Any) -> Recipe:
    if not isinstance(content, Mapping):
        raise ConfigError("no recipe: write 'method:' and 'stages:'")
    known = [each.name for each in fields(Recipe)]
    unknown = sorted(set(map(str, content)) - set(known))
    if unknown:
        raise ConfigError(f"no setting {unknown[0]!r}; known: {', '.join(known)}")
    if not content.get("method") or not content.get("stages"):
        raise ConfigError("a recipe needs 'method' and at least one of 'stages'")
    stages = tuple(_stage(number, each) for number, each in enumerate(content["stages"]))
    others = {name: _typed(name, value) for name, value in content.items() if name != "stages"}
    return Recipe(stages=stages, **others)


def _stage(number: int, content: Any) -> Stage:
    if not isinstance(content, Mapping):
        raise ConfigError(f"stage {number}: write NAME: VALUE for each setting")
    try:
        return with_settings(Stage(), dict(_flat(content, "")))
    except ConfigError as error:
        raise ConfigError(f"stage {number}: {error}") from error


def _flat(content: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    """Nested settings as dotted names."""
    found: list[tuple[str, Any]] = []
    for name, value in content.items():
        nested = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else None
        found += nested if nested is not None else [(f"{prefix}{name}", _number(value))]
    return found


def _number(value: Any) -> Any:
    """YAML 1.1 takes 1e-3 for a text: its numbers need a point. Lists are fixed."""
    if isinstance(value, list):
        return tuple(value)
    try:
        return float(value) if isinstance(value, str) and value[:1].isdigit() else value
    except ValueError:
        return value


def _typed(name: str, value: Any) -> Any:
    kind = _TYPES[name]
    if not isinstance(value, kind):
        raise ConfigError(f"{name} = {value!r}: must be of type {kind.__name__}")
    if name == "validate_every":
        return max(0, value)
    if name == "drives":
        return {str(pattern): float(step) for pattern, step in value.items()}
    return tuple(map(str, value)) if name == "validation" else value
