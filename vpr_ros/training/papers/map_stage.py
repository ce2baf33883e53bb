# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR's map stage, trained on the descriptors of maps: its backbone is not asked any more.

Half of every map's keyframes make its prototypes; the others are anchors, so that the stage learns
to tell what it has not seen. An anchor's counterpart is the most similar prototype-making keyframe
of its place: within some meters, or, without poses, the one before or after. What it must not
resemble are the images of other maps that ``hard_negatives`` names.

The loss is equation 3 of the paper, which teaches the blocks alone, and the cross entropy of the
posterior, which the paper does not have and which teaches the keys and what is none, too. Where the
images of one map differ by light, that finds the map of 99 % of made-up images, equation 3 of 93 %,
and no training of 57 %. Where they differ by nothing but noise, there is nothing to learn, and
training costs some percent: measure before you use it. See ``models.sup_vpr`` for what is read
otherwise. It takes minutes: killed, it begins anew.

Shapes: N keyframes of a map, S prototypes of all M maps, D values of a descriptor.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vpr_ros.atomic_file import write_files
from vpr_ros.errors import TrainingError
from vpr_ros.models.sup_vpr import MapStage
from vpr_ros.place_map import PlaceMap
from vpr_ros.place_map.keyframe_table import NO_FRAME, KeyframeTable
from vpr_ros.place_map.prototypes import SHARE, prototypes_of
from vpr_ros.training.losses import info_nce

_NONE = 0.1  # prior of no map, as when maps are searched
_SMALLEST = 1e-9  # probability whose logarithm is still a loss
_TOLD = 100  # steps from one line of progress to the next


@dataclass(frozen=True)
class MapStageRecipe:
    """How the stage is made and taught; the defaults are the paper's, but for the blocks."""

    blocks: int = 2  # 12 in the paper; two are enough for some tens of maps
    heads: int = 8  # of each block; D must be a multiple
    tau: float = 0.1  # temperature of loss and posterior
    steps: int = 1000  # of the optimizer
    batch: int = 16  # anchors in a step
    learning_rate: float = 1e-4  # 1e-5 in the paper, for 1024 values and an epoch of MSLS
    weight_decay: float = 1e-4  # of Adam
    near: float = 5.0  # meters within which two keyframes show one place
    seed: int = 0  # of what is drawn


def train_map_stage(
    maps: Sequence[PlaceMap], recipe: MapStageRecipe, tell: Callable[[str], None]
) -> MapStage:
    """Teach a stage to tell maps of one model apart, two at least; ``tell`` is told progress.

    Raises:
        TrainingError: there are too few maps, no keyframe has a counterpart, or the loss is not
            finite.
        MapError: a map cannot be read.
    """
    if len(maps) < 2:
        raise TrainingError("a map stage tells maps apart: give two at least")
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    dim = maps[0].descriptors().shape[1]
    if dim % recipe.heads:
        raise TrainingError(f"heads = {recipe.heads}: {dim} values of a descriptor do not divide")
    halves = [_halved(each, recipe.near, random) for each in maps]
    if not any(each.anchors for each in halves):
        raise TrainingError("no keyframe has another one of its place: map every route twice")
    stage = MapStage(dim, recipe.blocks, recipe.heads, recipe.tau)
    _teach(stage, halves, recipe, random, tell)
    return stage


def write_map_stage(path: Path, stage: MapStage, recipe: MapStageRecipe, space: str) -> None:
    """Write what ``place_map.map_stage`` reads; raises OSError where that cannot be."""
    buffer = io.BytesIO()
    arrays = {key: value.numpy() for key, value in stage.state_dict().items()}
    np.savez(buffer, heads=recipe.heads, tau=recipe.tau, space=space, **arrays)
    write_files({path: buffer.getvalue()})


class _Half(NamedTuple):
    """A map as training sees it."""

    descriptors: Tensor  # [N, D]
    shown: Tensor  # [N'] rows that make the prototypes
    anchors: list[tuple[int, int]]  # row of an anchor, row of its counterpart


def _teach(
    stage: MapStage,
    halves: Sequence[_Half],
    recipe: MapStageRecipe,
    random: np.random.Generator,
    tell: Callable[[str], None],
) -> None:
    known = [each.descriptors[each.shown] for each in halves]
    # As many as the whole maps will have.
    made = [torch.from_numpy(prototypes_of(each.numpy(), 2 * SHARE)) for each in known]
    of_map = torch.cat([torch.full((len(each),), m) for m, each in enumerate(made)])
    owners = (of_map == torch.arange(len(made)).unsqueeze(1)).float()
    prior = torch.tensor([*[(1.0 - _NONE) / len(made)] * len(made), _NONE])
    alike = [mean_similarity(each) for each in known]
    elsewhere = [
        torch.cat([each for index, each in enumerate(known) if index != number])
        for number in range(len(known))
    ]
    anchors = [(m, *pair) for m, each in enumerate(halves) for pair in each.anchors]
    optimizer = torch.optim.Adam(
        stage.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    for step in range(1, recipe.steps + 1):
        chosen = [anchors[each] for each in random.integers(len(anchors), size=recipe.batch)]
        queries = torch.stack([halves[m].descriptors[row] for m, row, _ in chosen])
        positives = torch.stack([halves[m].descriptors[other] for m, _, other in chosen])
        negatives = torch.stack(
            [
                elsewhere[m][hard_negatives(query, elsewhere[m], alike[m])]
                for (m, _, _), query in zip(chosen, queries, strict=True)
            ]
        )
        found = stage(queries, torch.cat(made), owners, prior)
        right = found["probabilities"][range(len(chosen)), [m for m, _, _ in chosen]]
        loss = info_nce(found["descriptors"], positives, negatives, recipe.tau)
        loss = loss - right.clamp_min(_SMALLEST).log().mean()
        if not torch.isfinite(loss):
            raise TrainingError(f"step {step}: the loss is {float(loss)}: lower learning_rate")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % _TOLD == 0 or step == recipe.steps:
            tell(f"maps {step}/{recipe.steps}  loss {float(loss.detach()):.3f}")


def _halved(place_map: PlaceMap, near: float, random: np.random.Generator) -> _Half:
    table, rows = place_map.table, torch.from_numpy(place_map.descriptors())
    order = random.permutation(len(table)).tolist()
    shown = sorted(order[: (len(order) + 1) // 2])
    anchors = []
    for row in order[len(shown) :]:
        others = [each for each in shown if _shows(table, row, each, near)]
        if others:
            anchors.append((row, others[int((rows[others] @ rows[row]).argmax())]))
    return _Half(rows, torch.tensor(shown, dtype=torch.int64), anchors)


def _shows(table: KeyframeTable, row: int, other: int, near: float) -> bool:
    """Whether two keyframes show one place: by their poses, or else as neighbors."""
    frame = table.frames[row]
    if NO_FRAME in (frame, table.frames[other]):
        return bool(abs(row - other) == 1 and table.sessions[row] == table.sessions[other])
    apart = np.linalg.norm(table.positions[row] - table.positions[other])
    return bool(frame == table.frames[other] and apart <= near)


def mean_similarity(descriptors: Tensor) -> float:
    """Mean inner product of two different images of a city, descriptors [N, D]; 1 of one image.

    ``(n^2 |mu|^2 - n) / (n^2 - n)``: all pairs add up to the square of the sum, each image with
    itself to 1, so that no pair is looked at.
    """
    count = len(descriptors)
    if count < 2:
        return 1.0
    total = descriptors.double().sum(dim=0).square().sum()
    return float((total - count) / (count * count - count))


def hard_negatives(anchor: Tensor, others: Tensor, similarity: float, count: int = 5) -> Tensor:
    """The images of other cities that are as alike to an anchor as its own city is, on average.

    The paper says both that these are nearest to the anchor's counterpart and that they are nearest
    to the city's mean. Where no image of elsewhere exceeds the mean, that is the same; where one
    does, it likely shows the same thing, and the second rule leaves it out.

    Args:
        anchor: [D].
        others: of other cities, [N, D].
        similarity: ``mean_similarity`` of the anchor's city.
        count: how many.

    Returns:
        Rows of ``others``, nearest to the mean first, int64 [min(count, N)].
    """
    distance = (others @ anchor - similarity).abs()
    return distance.topk(min(count, len(others)), largest=False).indices
