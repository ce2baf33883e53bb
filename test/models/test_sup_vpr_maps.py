# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR's map stage before training, what training may change, and what it learns from."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch")
pytest.importorskip("timm", reason="the layers are timm's")

from torch.nn import functional  # noqa: E402

from vpr_ros.models.hard_negatives import (  # noqa: E402
    hard_negatives,
    info_nce,
    mean_similarity,
)
from vpr_ros.models.sup_vpr_maps import MapStage  # noqa: E402

DIM = 32


def units(*shape):
    return functional.normalize(torch.randn(*shape, DIM), dim=-1)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


OWNERS = torch.eye(3).repeat_interleave(4, dim=1)  # three maps of four prototypes
PRIOR = torch.tensor([0.2, 0.3, 0.4, 0.1])


def test_untrained_it_is_the_mass_of_attention():
    queries, prototypes = units(5), units(12)
    found = MapStage(DIM, blocks=2)(queries, prototypes, OWNERS, PRIOR)
    torch.testing.assert_close(found["descriptors"], queries)
    weights = (queries @ prototypes.T / 0.1).exp()
    mass = torch.cat([weights @ OWNERS.T, torch.ones(5, 1)], dim=1) * PRIOR
    torch.testing.assert_close(found["probabilities"], mass / mass.sum(dim=1, keepdim=True))


def trained(stage):
    with torch.no_grad():
        for weight in stage.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return stage


def test_images_and_prototypes_may_come_in_any_order():
    stage, queries, prototypes = trained(MapStage(DIM, blocks=2)), units(5), units(12)
    with torch.inference_mode():
        found = stage(queries, prototypes, OWNERS, PRIOR)["probabilities"]
        order = torch.randperm(12)
        other = stage(queries.flip(0), prototypes[order], OWNERS[:, order], PRIOR)
        alone = stage(queries[1:2], prototypes, OWNERS, PRIOR)["probabilities"]
    torch.testing.assert_close(other["probabilities"].flip(0), found)
    torch.testing.assert_close(alone, found[1:2])
    untrained = MapStage(DIM)(queries, prototypes, OWNERS, PRIOR)["probabilities"].detach()
    assert float((found - untrained).abs().max()) > 1e-3


def test_gradients_reach_every_weight_once_it_has_moved():
    stage = trained(MapStage(DIM, blocks=1))
    probabilities = stage(units(5), units(12), OWNERS, PRIOR)["probabilities"]
    probabilities[:, 0].log().sum().backward()
    missing = [name for name, each in stage.named_parameters() if not each.grad.abs().sum() > 0]
    assert missing == []


@pytest.mark.parametrize("count", [2, 3, 40])
def test_the_mean_similarity_needs_no_pairs(count):
    city = units(count)
    products = city.double() @ city.double().T
    pairs = [products[i, j] for i in range(count) for j in range(count) if i != j]
    assert mean_similarity(city) == pytest.approx(float(torch.stack(pairs).mean()), abs=1e-6)
    assert mean_similarity(city[:1]) == 1.0


def test_negatives_are_as_alike_as_the_city_is():
    anchor = functional.one_hot(torch.tensor(0), DIM).float()
    likeness = torch.tensor([0.99, 0.6, 0.1, 0.52, -0.5])
    rest = functional.one_hot(torch.tensor(1), DIM).float()
    others = likeness[:, None] * anchor + (1 - likeness[:, None] ** 2).sqrt() * rest
    assert hard_negatives(anchor, others, 0.5, 2).tolist() == [3, 1]
    assert sorted(hard_negatives(anchor, others, 0.5, 9).tolist()) == [0, 1, 2, 3, 4]
    # Where nothing exceeds the mean, they are the nearest ones, too.
    assert hard_negatives(anchor, others, 1.0, 2).tolist() == [0, 1]


def test_info_nce_is_cross_entropy():
    query, positive, negatives = units(6), units(6), units(6, 5)
    every = torch.cat([positive[:, None], negatives], dim=1)
    logits = torch.einsum("bd,bcd->bc", query, every) / 0.2
    expected = functional.cross_entropy(logits, torch.zeros(6, dtype=torch.long))
    torch.testing.assert_close(info_nce(query, positive, negatives, tau=0.2), expected)
    nearer = functional.normalize(negatives + 0.5 * query[:, None], dim=-1)
    assert info_nce(query, positive, nearer, tau=0.2) > expected
