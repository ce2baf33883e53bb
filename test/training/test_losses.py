# SPDX-License-Identifier: Apache-2.0
"""R2Former's losses and gradients against its authors' code; contrast against its definition."""

import math

import numpy as np
import pytest
import torch
from r2former_networks import filled_reranker
from r2former_samples import golden, local_features

from vpr_ros.training.losses import (
    contrastive,
    local_contrastive,
    r2former_total,
    rerank_cross_entropy,
    triplet_sum,
)

GOLDEN = golden()
QUERIES, POSITIVES, NEGATIVES = [0, 1], [1, 0], [2, 2]


@pytest.fixture(scope="module")
def case():
    """The triplets' loss, the reranker's, and the reranker after the backward pass."""
    rows, descriptors = (torch.from_numpy(each) for each in local_features())
    network = filled_reranker()
    right = network.logits(rows[QUERIES], rows[POSITIVES])
    wrong = network.logits(rows[QUERIES], rows[NEGATIVES])
    triplets = triplet_sum(*(descriptors[each] for each in (QUERIES, POSITIVES, NEGATIVES)))
    entropy = rerank_cross_entropy(right, wrong)
    r2former_total(None, entropy[None], 2).backward()
    return triplets, entropy.detach(), network


def test_losses_are_those_of_the_authors(case):
    triplets, entropy, _ = case
    totals = [r2former_total(each, entropy[None], 2) for each in (None, triplets[None])]
    names = ("train_triplet_sum", "train_ce_mean", "train_total_fix1", "train_total_fix0")
    found = [float(each) for each in (triplets, entropy, *totals)]
    assert found == pytest.approx([float(GOLDEN[name]) for name in names], rel=0, abs=1e-5)


def test_gradients_are_those_of_the_authors(case):
    network = case[2]
    found = {
        "pair_head_weight": network.pair_head.weight,
        "cls_token": network.cls_token,
        "cls_token_2": network.cls_token_2,
    }
    for name, value in found.items():
        expected = GOLDEN[f"train_grad_{name}"]
        np.testing.assert_allclose(value.grad, expected, rtol=1e-4, atol=1e-5)
    squares = sum(float(p.grad.square().sum()) for p in network.parameters() if p.grad is not None)
    assert math.sqrt(squares) == pytest.approx(
        float(GOLDEN["train_grad_total_norm_reranker"]), rel=1e-4
    )
    assert network.ratio.grad is None


def test_several_negatives_are_averaged():
    entropies, triplets = torch.tensor([1.0, 3.0]), torch.tensor([2.0, 0.0])
    assert float(r2former_total(triplets, entropies, 4)) == pytest.approx(6.0 / 8.0)


def unit(*rows):
    return torch.nn.functional.normalize(torch.tensor(rows), dim=1)


def test_contrast_by_its_definition():
    first, second = unit((1.0, 0.2), (0.1, 1.0)), unit((1.0, 0.0), (0.0, 1.0))
    views = torch.cat([first, second])
    similarity = (views @ views.T / 0.5).exp()
    losses = [
        -math.log(similarity[a, b] / (similarity[a].sum() - similarity[a, a]))
        for a, b in ((0, 2), (1, 3), (2, 0), (3, 1))
    ]
    nothing = torch.zeros(2, 2, dtype=torch.bool)
    found = contrastive(first, second, 0.5, nothing)
    assert float(found) == pytest.approx(np.mean(losses), abs=1e-6)


def test_related_places_do_not_repel_each_other():
    first = unit((1.0, 0.0), (1.0, 0.0)).requires_grad_()
    related = ~torch.eye(2, dtype=torch.bool)
    contrastive(first, first.detach(), 0.1, related).backward()
    assert float(first.grad.abs().max()) == 0.0


APART = torch.zeros(2, 2, dtype=torch.bool)


def test_points_find_themselves_in_the_other_view():
    points = torch.rand(2, 9, 2, generator=torch.Generator().manual_seed(0)) * 1000
    descriptors = torch.eye(18).reshape(2, 9, 18)
    seen = torch.ones(2, 9, dtype=torch.bool)
    same = local_contrastive(descriptors, 3 * descriptors, points, seen, APART, 0.05, 1.0)
    other = local_contrastive(descriptors, descriptors.flip(1), points, seen, APART, 0.05, 1.0)
    assert float(same) < 1e-6 < 1.0 < float(other)


def test_unseen_and_near_points_do_not_count():
    points = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [90.0, 0.0], [50.0, 0.0]]])
    first = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    seen = torch.tensor([[True, True, True, False]])
    alone = APART[:1, :1]
    wrong = first.clone()
    wrong[0, 3] = torch.tensor([1.0, 0.0])  # as the first, but nobody sees it
    loss = local_contrastive(first, wrong, points, seen, alone, 0.02, 5.0)
    assert float(loss) < 1e-6
    assert float(local_contrastive(first, wrong, points, seen, alone, 0.02, 0.5)) > 0.3


def test_points_of_other_places_are_told_apart_unless_these_are_related():
    """Two streets that look alike at the same spots of the image."""
    points = torch.tensor([[[0.0, 0.0], [90.0, 0.0]]]).expand(2, -1, -1)
    alike = torch.eye(2).expand(2, -1, -1)
    seen = torch.ones(2, 2, dtype=torch.bool)
    loss = local_contrastive(alike, alike, points, seen, APART, 0.02, 5.0)
    assert float(loss) == pytest.approx(math.log(2.0), abs=1e-6)
    assert float(local_contrastive(alike, alike, points, seen, ~APART, 0.02, 5.0)) < 1e-6


def test_no_point_seen_is_no_loss():
    first = torch.rand(1, 3, 4, requires_grad=True)
    seen = torch.zeros(1, 3, dtype=torch.bool)
    loss = local_contrastive(first, first, torch.rand(1, 3, 2), seen, APART[:1, :1], 0.1, 0.0)
    loss.backward()
    assert (float(loss.detach()), float(first.grad.abs().max())) == (0.0, 0.0)
