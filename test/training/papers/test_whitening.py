# SPDX-License-Identifier: Apache-2.0
"""Whitened descriptors vary alike in all directions, however many images there are."""

import pytest

torch = pytest.importorskip("torch", reason="whitening needs PyTorch")

from vpr_ros.errors import ConfigError  # noqa: E402
from vpr_ros.training.papers.appsvr_start import fit_whitening  # noqa: E402


def descriptors(count, dim=40):
    torch.manual_seed(0)
    return torch.randn(count, dim) @ torch.randn(dim, dim) + torch.randn(dim)


@pytest.mark.parametrize("count", [30, 200])
def test_covariance_becomes_the_identity(count):
    weight, bias = fit_whitening(descriptors(count), 12)
    whitened = descriptors(count) @ weight.T + bias
    torch.testing.assert_close(whitened.mean(dim=0), torch.zeros(12), rtol=0, atol=1e-4)
    torch.testing.assert_close(whitened.T.cov(), torch.eye(12), rtol=0, atol=1e-3)


def test_both_ways_find_the_same_directions():
    """Values that are always 0 make it fewer images than values."""
    few = descriptors(50)
    wide = torch.cat([few, torch.zeros(50, 30)], dim=1)
    (left, shift), (right, other) = fit_whitening(few, 8), fit_whitening(wide, 8)
    assert bool((right[:, 40:] == 0).all())
    ours, theirs = few @ left.T + shift, wide @ right.T + other
    torch.testing.assert_close(ours.abs(), theirs.abs(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("count", "size", "found"), [(10, 10, 9), (200, 41, 40), (1, 1, 0)])
def test_more_directions_than_there_are(count, size, found):
    with pytest.raises(ConfigError, match=f"whitened = {size}: {count} images vary in {found} dir"):
        fit_whitening(descriptors(count), size)
