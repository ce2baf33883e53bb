# SPDX-License-Identifier: Apache-2.0
"""Batches depend on their number alone; what is known of their pairs is true."""

import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from vpr_ros.models import network_of
from vpr_ros.training.feed import Feed, in_order
from vpr_ros.training.photos import read_photos

SPEC = network_of("r2former_tiny").spec


def test_every_photo_once_before_any_again():
    seen = [index for step in range(3) for index in in_order(np.arange(6), 4, step, seed=1)]
    assert Counter(seen[:6]) == Counter(seen[6:]) == Counter(range(6))
    assert seen[:6] != seen[6:]


def test_photos_of_a_drive_come_together_in_another_order_each_time():
    together = np.array([0, 1, 0, 2, 0, 1])
    epochs = [in_order(together, 6, step, seed=1) for step in range(8)]
    for order in epochs:
        assert sorted(order) == list(range(6))
        numbers = together[order]
        assert np.count_nonzero(np.diff(numbers)) == 2
    assert len(set(map(tuple, epochs))) > 4


def test_batches_depend_on_their_number_alone(photos, change):
    feeds = [Feed(photos.photos_to_train, change(), SPEC, seed=1) for _ in range(2)]
    feeds[1].batch(0)
    for left, right in zip(feeds[0].batch(3), feeds[1].batch(3), strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)
    other = Feed(photos.photos_to_train, change(), SPEC, seed=2).batch(3)
    assert not torch.equal(other.first, feeds[0].batch(3).first)


def test_shapes(photos, change):
    batch = Feed(photos.photos_to_train, change(batch=5, height=48, width=80), SPEC, 0).batch(0)
    assert batch.first.shape == batch.second.shape == (5, 3, 48, 80)
    assert batch.second_T_first.shape == (5, 3, 3)
    assert torch.isfinite(batch.second_T_first).all()
    assert not batch.related.any()


def test_neighbors_of_a_drive(folder, change):
    """A neighbor is another photo: which of its pixels is which is not known."""
    walk, _ = read_photos(folder, {"walk*": 1.0}, [], 320)
    stage = change(neighbor_share=1.0, neighbor_reach=1.0, related_reach=2.0)
    plain = replace(stage, appearance=replace(stage.appearance, strength=0.0))
    batch = Feed(walk, plain, SPEC, 0).batch(0)
    assert torch.isnan(batch.second_T_first).all()
    assert (batch.first - batch.second).abs().mean() > 0.3
    numbers = np.array(in_order(np.arange(len(walk)), plain.batch, 0, 0))
    expected = np.abs(numbers[:, None] - numbers) <= 2
    np.testing.assert_array_equal(batch.related, expected)


def test_photos_from_one_position_tell_which_pixel_is_which(folder, tmp_path, change, monkeypatch):
    """A street by day and at dusk: here the very same photo, so that all pixels must agree."""
    for name in ("walk_000.png", "walk_003.png"):
        for light in ("day", "dusk"):
            shutil.copy(folder / name, tmp_path / name.replace(".", f"_{light}."))
    street, _ = read_photos(tmp_path, {"walk*": 1.0}, [], 320)
    assert [street.is_same_position(0, other) for other in range(4)] == [True, True, False, False]
    stage = change(neighbor_share=1.0, neighbor_reach=0.0, batch=4, height=96, width=96)
    plain = replace(stage, appearance=replace(stage.appearance, strength=0.0))
    read, looked_at = street.read, []

    def watched(index):
        looked_at.append(index)
        return read(index)

    monkeypatch.setattr(street, "read", watched)
    batch = Feed(street, plain, SPEC, 0).batch(0)
    assert Counter(looked_at) == dict.fromkeys(range(4), 2), "itself, and as the other's twin"
    assert torch.isfinite(batch.second_T_first).all()
    for first, second, matrix in zip(*batch[:3], strict=True):
        moved, is_seen = warped(second, matrix)
        error = (moved - first).abs().mean(dim=0)[is_seen].mean()
        assert error < 0.3 * (second - first).abs().mean()


def warped(second, matrix):
    """The second view as the first camera sees it, and where it is known."""
    height, width = second.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    points = torch.stack([columns + 0.5, rows + 0.5, torch.ones(height, width)], dim=-1).float()
    there = points @ matrix.T
    grid = there[..., :2] / there[..., 2:] / torch.tensor([width, height]) * 2 - 1
    moved = functional.grid_sample(second[None], grid[None], align_corners=False)[0]
    return moved, (grid.abs() < 0.95).all(dim=-1)
