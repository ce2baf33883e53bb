# SPDX-License-Identifier: Apache-2.0
"""SUP-VPR's map stage before training and what training may change."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch")
pytest.importorskip("timm", reason="the layers are timm's")

from torch.nn import functional  # noqa: E402

from vpr_ros.models.sup_vpr import MapStage  # noqa: E402

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
