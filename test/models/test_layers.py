# SPDX-License-Identifier: Apache-2.0
"""Blocks that compute only what is read give what timm's blocks give."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch")
pytest.importorskip("timm", reason="the networks need timm")

from vpr_ros.models.layers import blocks, update_first, update_groups  # noqa: E402


@pytest.fixture
def block():
    """A block in float64, so that only mistakes make a difference."""
    torch.manual_seed(0)
    return blocks(1, 32, 4)[0].double().eval()


def tokens(*shape):
    return torch.randn(*shape, 32, dtype=torch.float64)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_first_tokens(block, count):
    sequences = tokens(3, 9)
    updated, attention = update_first(block, sequences, count)
    torch.testing.assert_close(updated, block(sequences)[:, :count])
    assert attention.shape == (3, 4, count, 9)
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(3, 4, count).double())


@pytest.mark.parametrize("count", [1, 6])
def test_groups(block, count):
    groups = tokens(6, 50)
    expected = block(groups.transpose(0, 1)).transpose(0, 1)[:count]
    torch.testing.assert_close(update_groups(block, groups, count), expected)


def test_gradients_reach_every_weight(block):
    for updated in (update_first(block, tokens(2, 5), 1)[0], update_groups(block, tokens(5, 2), 1)):
        block.zero_grad()
        updated.square().sum().backward()
        assert all(weight.grad.abs().sum() > 0 for weight in block.parameters())
