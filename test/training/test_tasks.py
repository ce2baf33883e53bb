# SPDX-License-Identifier: Apache-2.0
"""What learns in each task, and that correspondences reach the right local features."""

from types import SimpleNamespace

import pytest
import torch

from vpr_ros.models.local_features import Dense
from vpr_ros.training import tasks
from vpr_ros.training.feed import Batch, Feed
from vpr_ros.training.tasks import TASKS
from vpr_ros.training.trainee import Trainee


@pytest.fixture(scope="module")
def trainee():
    torch.manual_seed(0)
    return Trainee("r2former_tiny")


def gradients(trainee, photos, stage):
    """Names of the parts that a step would change."""
    trainee.teach(TASKS[stage.task].teaches)
    trainee.zero_grad(set_to_none=True)
    batch = Feed(photos.photos_to_train, stage, trainee.spec, 0).batch(0)
    loss, figures = TASKS[stage.task].loss(trainee, batch, stage)
    loss.backward()
    assert all(value == value for value in figures.values())
    changed = {
        name
        for name, each in trainee.named_parameters()
        if each.grad is not None and each.grad.any()
    }
    return {".".join(name.split(".")[:2]) for name in changed}


def test_contrast_teaches_the_extractor(trainee, photos, change):
    parts = gradients(trainee, photos, change(task="contrast"))
    assert {"extractor.stem", "extractor.head", "extractor.local_head"} <= parts
    assert not any(part.startswith("reranker") for part in parts)


def test_rerank_teaches_the_reranker_and_the_local_head(trainee, photos, change):
    parts = gradients(trainee, photos, change(task="rerank"))
    assert {part for part in parts if part.startswith("extractor")} == {"extractor.local_head"}
    assert {"reranker.blocks", "reranker.blocks_2", "reranker.pair_head"} <= parts


def test_finetuning_lets_the_reranker_teach_the_backbone(trainee, photos, change):
    """But not the last block: what local features are made of comes before it."""
    stage = change(task="joint", finetune=True, local_weight=0.0)
    assert {"extractor.stem", "reranker.blocks"} <= gradients(trainee, photos, stage)


@pytest.mark.parametrize("matrix", [(1, 0, 16, 0, 1, 0), (1, 0, 0, 0, 1, -8)])
def test_local_descriptors_are_compared_where_the_homography_says(
    trainee, photos, change, monkeypatch, matrix
):
    """Sources that name their own column and row, moved by whole positions."""
    stage = change(height=64, width=96, local_weight=1.0)
    batch = Feed(photos.photos_to_train, stage, trainee.spec, 0).batch(0)
    a, b, x, c, d, y = matrix
    homography = torch.tensor([(a, b, x), (c, d, y), (0, 0, 1)]).float().expand(6, 3, 3)
    batch = batch._replace(second_T_first=homography)
    row, column = (
        each.flatten().float()
        for each in torch.meshgrid(torch.arange(8), torch.arange(12), indexing="ij")
    )
    first = torch.stack([column * 8 + 4, row * 8 + 4], dim=1).expand(6, -1, -1)
    second = first - torch.tensor([x, y])
    caught = []

    def local_contrastive(*values):
        caught.append(values)
        return torch.zeros(())

    monkeypatch.setattr(tasks, "local_contrastive", local_contrastive)
    described = Dense(torch.zeros(12, 2), torch.zeros(12, 96), torch.cat([first, second]))
    TASKS["contrast"].loss(told_by(described), batch, stage)
    left, right, points, seen = caught[0][:4]
    limits = torch.tensor([96.0, 64.0])
    there = points + torch.tensor([x, y])
    torch.testing.assert_close(seen, ((there > 0) & (there < limits)).all(dim=-1))
    # Near the border, interpolation has nothing to go on from.
    inner = seen & ((points > 4) & (points < limits - 4)).all(dim=-1)
    inner &= ((there > 4) & (there < limits - 4)).all(dim=-1)
    torch.testing.assert_close(left[inner], points[inner], rtol=0, atol=1e-3)
    torch.testing.assert_close(right[inner], points[inner], rtol=0, atol=1e-3)


def told_by(described, **parts):
    """A trainee that describes all images as it is told to."""
    extractor = SimpleNamespace(describe=lambda images: described, local_head=torch.nn.Identity())
    return SimpleNamespace(extractor=extractor, **parts)


def test_hard_negatives_are_no_relatives(change):
    first = torch.nn.functional.normalize(torch.randn(8, 4), dim=1).repeat(2, 1)
    related = torch.eye(8, dtype=torch.bool)
    related[:4, :4] = True
    images = torch.zeros(8, 3, 8, 8)
    batch = Batch(images, images, torch.eye(3).expand(8, 3, 3), related)
    shown = []

    def logits(queries, others):
        shown.append(others.flatten())
        return torch.zeros(len(others), 2)

    trainee = told_by(
        Dense(first, first, first),
        select=lambda dense, size, finetune: torch.arange(8.0)[:, None, None],
        reranker=SimpleNamespace(logits=logits),
    )
    for _ in range(20):
        TASKS["rerank"].loss(trainee, batch, change(task="rerank", hardness=8))
        right, wrong = shown.pop().long().chunk(2)
        assert torch.equal(right, torch.arange(8))
        assert not related[right, wrong].any()
