# SPDX-License-Identifier: Apache-2.0
"""Resizing by a matrix gives torch's numbers."""

import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch")

from torch.nn.functional import interpolate  # noqa: E402

from vpr_ros.models.bicubic import resize_matrix  # noqa: E402

LINE = torch.randn(1, 1, 37, 2, generator=torch.Generator().manual_seed(0))


def by_matrix(*sizes, **rule):
    return torch.from_numpy(resize_matrix(*sizes, **rule)) @ LINE[0, 0, :, 0]


def by_torch(**rule):
    return interpolate(LINE, mode="bicubic", **rule)[0, 0, :, 0]


@pytest.mark.parametrize("target", [1, 2, 16, 23, 36, 37, 38, 64])
def test_sizes(target):
    for antialias in (False, True):
        expected = by_torch(size=(target, 2), antialias=antialias)
        found = by_matrix(37, target, antialias=antialias)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("target", [1, 16, 22, 23, 45])
def test_another_scale_than_the_sizes_say(target):
    scale = (target + 0.1) / 37
    expected = by_torch(scale_factor=(scale, 1.0))
    assert len(expected) == target
    found = by_matrix(37, target, scale=scale)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert float((found - by_matrix(37, target)).abs().max()) > 1e-3


def test_the_same_length_changes_nothing():
    assert (resize_matrix(5, 5) == torch.eye(5).numpy()).all()
