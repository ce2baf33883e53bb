# SPDX-License-Identifier: Apache-2.0
"""What one step of a stage minimizes.

``contrast``: global and local descriptors of two views of a photo agree, those of others do not.
``rerank``: R2Former's second stage: the reranker learns from the hardest negatives of the batch,
behind a backbone that does not change. ``joint``: both at once. For the others see ``papers``.

Shapes: B places, K local features of an image, P points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vpr_ros.errors import ConfigError
from vpr_ros.models.local_features import Dense
from vpr_ros.training.feed import Batch
from vpr_ros.training.losses import contrastive, local_contrastive, rerank_cross_entropy
from vpr_ros.training.material import PLACES, SCENES, VIEWS, Material
from vpr_ros.training.papers import published
from vpr_ros.training.papers.classes import classification
from vpr_ros.training.recipe import Stage
from vpr_ros.training.run_files import Figures, figures_of
from vpr_ros.training.trainee import Trainee

_RERANKING = ("extractor.local_head", "reranker")  # what learns behind a frozen backbone
_PITCH = 8.0  # pixels: points nearer than this are not told apart


@dataclass(frozen=True)
class Task:
    """What a stage learns from, and what each of its steps minimizes."""

    loss: Callable[[Trainee, Any, Stage], tuple[Tensor, Figures]]
    material: Material
    teaches: tuple[str, ...] = ()  # parts of the trainee that learn alone; none: all
    needs_reranker: bool = True


def _contrast(trainee: Trainee, batch: Batch, stage: Stage) -> tuple[Tensor, Figures]:
    first, second = _described(trainee, batch)
    return _contrast_of(trainee, batch, stage, first, second)


def _rerank(trainee: Trainee, batch: Batch, stage: Stage) -> tuple[Tensor, Figures]:
    with torch.no_grad():
        first, second = _described(trainee, batch)
    return _rerank_of(trainee, batch, stage, first, second)


def _joint(trainee: Trainee, batch: Batch, stage: Stage) -> tuple[Tensor, Figures]:
    first, second = _described(trainee, batch)
    contrast, figures = _contrast_of(trainee, batch, stage, first, second)
    entropy, others = _rerank_of(trainee, batch, stage, first, second)
    return contrast + entropy, {**figures, **others}


def _described(trainee: Trainee, batch: Batch) -> tuple[Dense, Dense]:
    """Both views in one run: batch normalization sees them together, as it will see images."""
    dense: Dense = trainee.extractor.describe(torch.cat([batch.first, batch.second]))
    count = len(batch.first)
    return Dense(*(each[:count] for each in dense)), Dense(*(each[count:] for each in dense))


def _contrast_of(
    trainee: Trainee, batch: Batch, stage: Stage, first: Dense, second: Dense
) -> tuple[Tensor, Figures]:
    left, right = first.global_descriptor, second.global_descriptor
    overall = contrastive(left, right, stage.temperature, batch.related)
    with torch.no_grad():
        nearest = (left @ right.T).masked_fill(batch.related & ~_itself(batch), -2.0).argmax(dim=1)
        hits = (nearest == torch.arange(len(nearest), device=nearest.device)).float().mean()
    local = _local(trainee, batch, stage, first, second)
    figures = figures_of({"global": overall, "local": local, "hits": hits})
    return overall + stage.local_weight * local, figures


def _rerank_of(
    trainee: Trainee, batch: Batch, stage: Stage, first: Dense, second: Dense
) -> tuple[Tensor, Figures]:
    """R2Former's cross entropy with the hardest negatives that the batch has.

    Not divided by the batch's size, as R2Former does: contrast is a mean over the batch, too.
    """
    size = batch.first.shape[-2:]
    queries = trainee.select(first, size, stage.finetune)
    others = trainee.select(second, size, stage.finetune)
    negatives = _hard_negatives(first, second, batch.related | _itself(batch), stage.hardness)
    # One run for right and wrong pairs.
    pairs = torch.cat([others, others[negatives]])
    right, wrong = trainee.reranker.logits(queries.repeat(2, 1, 1), pairs).float().chunk(2)
    entropy = rerank_cross_entropy(right, wrong)
    judged = torch.cat([right[:, 1] > right[:, 0], wrong[:, 1] < wrong[:, 0]])
    figures = figures_of({"entropy": entropy, "judged": judged.float().mean()})
    return entropy, figures


def _hard_negatives(first: Dense, second: Dense, left_out: Tensor, hardness: int) -> Tensor:
    """For each query one of the hardest wrong places of the batch, [B]."""
    similarity = first.global_descriptor.detach() @ second.global_descriptor.detach().T
    hardest = (
        similarity.masked_fill(left_out, -2.0).topk(min(hardness, len(similarity) - 1)).indices
    )
    # Drawn on the CPU, whose random state checkpoints hold.
    drawn = torch.randint(hardest.shape[1], (len(hardest), 1)).to(hardest.device)
    chosen = hardest.gather(1, drawn).squeeze(1)
    fallback = hardest[:, 0]  # where all but a few are related
    return torch.where(left_out.gather(1, chosen.unsqueeze(1)).squeeze(1), fallback, chosen)


def _local(trainee: Trainee, batch: Batch, stage: Stage, first: Dense, second: Dense) -> Tensor:
    """Contrast of local features at random points of the first view."""
    if stage.local_weight == 0.0:
        return first.global_descriptor.new_zeros(())
    height, width = batch.first.shape[-2:]
    random = torch.rand(len(batch.first), stage.local_points, 2)
    limits = torch.tensor([width, height], device=batch.first.device)
    points = random.to(limits.device) * limits
    there = _moved(points, batch.second_T_first)
    is_seen = ((there > 0) & (there < limits)).all(dim=-1)  # NaN is nowhere
    there = torch.where(is_seen.unsqueeze(-1), there, torch.zeros_like(there))
    left, right = (
        _sampled(trainee, dense, where, (height, width))
        for dense, where in ((first, points), (second, there))
    )
    near = 2 * _PITCH
    return local_contrastive(left, right, points, is_seen, batch.related, stage.temperature, near)


def _sampled(trainee: Trainee, dense: Dense, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Local descriptors at points [B, P, 2] in pixels, [B, P, C]."""
    height, width = size
    features = trainee.extractor.local_head(dense.sources)
    rows = round((features.shape[1] * height / width) ** 0.5)
    plane = features.transpose(1, 2).unflatten(2, (rows, -1))
    grid = points / points.new_tensor([width, height]) * 2.0 - 1.0
    sampled = functional.grid_sample(
        plane, grid.unsqueeze(1), padding_mode="border", align_corners=False
    )
    return sampled.squeeze(2).transpose(1, 2)


def _moved(points: Tensor, matrices: Tensor) -> Tensor:
    """Points [B, P, 2] under homographies [B, 3, 3]; NaN behind the camera."""
    lifted = torch.cat([points, torch.ones_like(points[..., :1])], dim=-1) @ matrices.mT
    depth = torch.where(lifted[..., 2:] > 1e-9, lifted[..., 2:], torch.nan)
    return lifted[..., :2] / depth


def _itself(batch: Batch) -> Tensor:
    return torch.eye(len(batch.first), dtype=torch.bool, device=batch.first.device)


TASKS = {  # by the names that recipes call them
    "contrast": Task(_contrast, VIEWS),
    "rerank": Task(_rerank, VIEWS, _RERANKING),
    "joint": Task(_joint, VIEWS),
    "classify": Task(classification, SCENES, needs_reranker=False),
    "triplets": Task(published.retrieval, PLACES, needs_reranker=False),
    "triplets_rerank": Task(published.reranking, PLACES, _RERANKING),
    "triplets_joint": Task(partial(published.reranking, with_triplets=True), PLACES),
    "tuples": Task(published.tuples, PLACES, needs_reranker=False),
    "info_nce": Task(published.places, PLACES, needs_reranker=False),
}


def task_of(stage: Stage) -> Task:
    """What a stage minimizes.

    Raises:
        ConfigError: its task is unknown.
    """
    if stage.task not in TASKS:
        known = ", ".join(TASKS)
        raise ConfigError(f"stage {stage.name}: task = {stage.task!r}: choose one of {known}")
    return TASKS[stage.task]
