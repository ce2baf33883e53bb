# SPDX-License-Identifier: Apache-2.0
"""Clusters begin where static things are, and their shadows where moving ones look alike."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch")

from torch.nn import functional  # noqa: E402

from vpr_ros.errors import ConfigError  # noqa: E402
from vpr_ros.models.appsvr import DIM, Appsvr, Sizes  # noqa: E402
from vpr_ros.training.papers.appsvr_centroids import (  # noqa: E402
    Semantics,
    install,
    k_means,
    labels_at,
    semantic_centroids,
    sharpness,
)

FEW = Semantics(static=(0, 1), dynamic=(8, 9))


def generator():
    return torch.Generator().manual_seed(4)


def blobs(*kinds, count=40):
    """Unit features around a direction for each (label, axis), and their labels."""
    torch.manual_seed(1)
    centers = torch.eye(DIM)[[axis for _, axis in kinds]]
    noise = torch.randn(len(kinds), count, DIM) * 0.01
    points = functional.normalize(centers[:, None] + noise, dim=-1).flatten(0, 1)
    labels = torch.tensor([label for label, _ in kinds]).repeat_interleave(count)
    return points, labels


def axes(centroids):
    return centroids.argmax(dim=-1).tolist()


def test_k_means_finds_what_is_there():
    points, _ = blobs((0, 3), (0, 7), (0, 1))
    found = k_means(points, 3, generator())
    assert sorted(axes(found)) == [1, 3, 7]
    by_hand = torch.stack(
        [points[points.argmax(dim=1) == axis].mean(dim=0) for axis in axes(found)]
    )
    torch.testing.assert_close(found, by_hand)


def test_points_that_are_all_alike():
    assert k_means(torch.ones(5, 4), 3, generator()).tolist() == [[1.0] * 4] * 3
    with pytest.raises(ConfigError, match="6 clusters of 5 local features"):
        k_means(torch.ones(5, 4), 6, generator())


def test_shadows_are_the_moving_things_nearest_to_a_cluster():
    """A car (8) looks a little like label 0, a person (9) like label 1; 255 is left out."""
    points, labels = blobs((0, 0), (1, 1), (8, 20), (9, 21), (255, 30))
    points[labels == 8] = functional.normalize(points[labels == 8] + 0.5 * torch.eye(DIM)[0], dim=1)
    points[labels == 9] = functional.normalize(points[labels == 9] + 0.5 * torch.eye(DIM)[1], dim=1)
    found = semantic_centroids(points, labels, 2, 3, FEW, generator())
    assert sorted(axes(found.informative)) == [0, 1]
    assert axes(found.shadows) == [[20 + axis] * 3 for axis in axes(found.informative)]


def test_the_network_then_turns_moving_things_away():
    points, labels = blobs((0, 0), (1, 1), (8, 20), (9, 21))
    found = semantic_centroids(points, labels, 2, 2, FEW, generator())
    network = Appsvr(Sizes(2, 2, 0, 0))
    install(network, found)
    with torch.inference_mode():
        nearness = network.refinement.nearness(points)
        expected = 1 - torch.cdist(points, found.informative).square()
        torch.testing.assert_close(nearness[:, :2], expected, rtol=0, atol=1e-4)
        salience = network.refinement(points[None]).sum(dim=1)[0]
    assert float(salience[labels < 8].min()) > 0.95
    assert float(salience[labels >= 8].max()) < 0.25
    torch.testing.assert_close(network.centroids.detach(), found.informative)


def test_without_labels_nothing_is_turned_away():
    points, _ = blobs((0, 0), (0, 1))
    found = semantic_centroids(points, None, 2, 0, Semantics(), generator())
    assert found.shadows.shape == (2, 0, DIM)
    network = Appsvr(Sizes(2, 0, 0, 0))
    install(network, found)
    with pytest.raises(ConfigError, match="shadows = 2: without labels of pixels"):
        semantic_centroids(points, None, 2, 2, Semantics(), generator())


def test_labels_that_name_nothing_that_moves():
    points, labels = blobs((0, 0), (1, 1))
    with pytest.raises(ConfigError, match="shadows = 2: the labels give 0 candidates"):
        semantic_centroids(points, labels, 2, 2, FEW, generator())


def test_sharpness_is_netvlad_s_rule():
    points = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    centroids = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    gap = (2 * 1.0 + 2 * 0.2) / 2
    assert sharpness(points, centroids) == pytest.approx(-math.log(0.01) / gap)
    shares = (sharpness(points[:1], centroids) * 2 * points[:1] @ centroids.T).softmax(dim=1)
    assert float(shares[0, 1] / shares[0, 0]) == pytest.approx(0.01)
    assert sharpness(points, centroids[:1]) == 1.0


def test_labels_are_those_in_the_middle_of_a_location():
    labels = np.zeros((32, 48), np.uint8)
    labels[8, 24], labels[24, 40] = 7, 9
    assert labels_at(labels, (2, 3)).tolist() == [0, 7, 0, 0, 0, 9]
    assert labels_at(labels[::2, ::2], (2, 3)).tolist() == [0, 7, 0, 0, 0, 9]
