# SPDX-License-Identifier: Apache-2.0
"""APPSVR from ImageNet's VGG to a whitened descriptor: clusters, tuples, whitening."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_photos import photo
from small_recipes import RECIPES, negative, recalls, small_data
from torch import nn

from vpr_ros.cli.main import main
from vpr_ros.errors import ConfigError, WeightsError
from vpr_ros.extractors.network import prepared
from vpr_ros.images import read_image
from vpr_ros.models import NETWORKS
from vpr_ros.models.appsvr import Appsvr, Sizes, vgg16_conv5
from vpr_ros.models.weights import load, write_new
from vpr_ros.training import run_files
from vpr_ros.training.loop import Run, RunOptions
from vpr_ros.training.papers.appsvr_start import clustered, fit_whitening, pictures_in, whitened
from vpr_ros.training.recipe import Recipe


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """A VGG-16 under torchvision's keys, not trained, begun so that images leave a trace."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    network = vgg16_conv5()
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    state = {f"features.{key}": value for key, value in network.state_dict().items()}
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six photos, and labels: 0 on their left halves, 11 (persons) on the right."""
    path = tmp_path_factory.mktemp("pictures")
    (path / "labels").mkdir()
    for number in range(6):
        cv2.imwrite(str(path / f"{number}.png"), photo(number))
        labels = np.zeros((72, 96), np.uint8)
        labels[:, 48:] = 11
        cv2.imwrite(str(path / "labels" / f"{number}.png"), labels)
    return path


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    """The network sees 64 x 96 pixels: 24 locations."""
    appsvr = NETWORKS["appsvr"]
    small = replace(appsvr.spec, input_height=64, input_width=96)
    monkeypatch.setitem(NETWORKS, "appsvr", replace(appsvr, spec=small))


def test_from_a_vgg_to_a_whitened_descriptor(vgg, folder, places, change, tmp_path):
    begun, output = tmp_path / "start.safetensors", tmp_path / "whitened.safetensors"
    pictures = ("--images", str(folder), "--labels", str(folder / "labels"))
    sizes = ("--clusters", "3", "--shadows", "2")
    assert main(["weights", "cluster", str(vgg), *pictures, *sizes, "-o", str(begun)]) == 0
    state = load_file(begun)
    assert state["centroids"].shape == (3, 512)
    assert state["refinement.nearness.weight"].shape == (9, 512), "three clusters, six shadows"
    torch.testing.assert_close(
        state["encoder.28.weight"], torch.load(vgg)["features.28.weight"], rtol=0, atol=0
    )
    stage = change(
        task="tuples", steps=2, batch=2, negatives=3, mining="violators", optimizer="sgd",
        schedule="appsvr", learning_rate=1e-3, teaches=("extractor.centroids",), refresh=4,
    )  # fmt: skip
    recipe = Recipe("appsvr", (stage,), seed=1)
    told = []
    Run(recipe, places, RunOptions(tmp_path / "run"), told.append, begun).go()
    after = run_files.load_checkpoint(tmp_path / "run").weights
    changed = {key for key, value in state.items() if not torch.equal(after[key], value)}
    assert changed == {"centroids"}
    Run(recipe, places, RunOptions(tmp_path / "run", resume=True), told.append)
    trained = str(tmp_path / "run" / "weights.pth")
    pictures = ("--images", str(folder), "--size", "4")
    assert main(["weights", "whiten", trained, *pictures, "-o", str(output)]) == 0
    loaded = load(output, "appsvr")
    assert loaded.spec.global_dim == 4


def test_a_tiny_data_set_is_learned_by_heart(vgg, folder, tmp_path):
    """As ``test_recipes_learn`` has it for the other recipes."""
    path = tmp_path / "start.safetensors"
    write_new(path, clustered(vgg, pictures_in(folder), Sizes(8, 0)), {})
    (recipe,) = (each for each in RECIPES if each.stem == "appsvr")
    (tmp_path / "photos").mkdir()
    before, after = recalls(
        recipe, small_data(tmp_path / "photos", negative), tmp_path / "run", path
    )
    assert before < 1.0 == after


def test_whitened_descriptors_vary_alike(vgg, folder, tmp_path):
    path = tmp_path / "start.safetensors"
    write_new(path, clustered(vgg, pictures_in(folder), Sizes(3, 0, 0)), {})
    state = whitened(path, pictures_in(folder).paths, 3)
    network = load_network(state)
    residuals = torch.cat([residuals_of(network, path) for path in pictures_in(folder).paths])
    values = residuals @ state["whitening.weight"].T + state["whitening.bias"]
    torch.testing.assert_close(values.T.cov(), torch.eye(3), rtol=1e-3, atol=1e-3)


def residuals_of(network, path):
    """What is whitened: a picture's descriptor before that."""
    image = prepared(read_image(path), NETWORKS["appsvr"].spec, antialias=True)
    with torch.inference_mode():
        features, size = network.locations(torch.from_numpy(image))
        return network.residuals(features, size)[0]


def load_network(state):
    network = Appsvr(Sizes(3, 0, 0, whitened=0)).eval()
    network.load_state_dict({k: v for k, v in state.items() if not k.startswith("whitening.")})
    return network


def test_what_cannot_be_clustered(vgg, folder, tmp_path):
    with pytest.raises(ConfigError, match="without labels of pixels there can be none"):
        clustered(vgg, pictures_in(folder), Sizes(3, 2))
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="holds no VGG-16"):
        clustered(tmp_path / "other.pth", pictures_in(folder), Sizes(3, 0))
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"holds another VGG: features\.0\.weight"):
        clustered(tmp_path / "other.pth", pictures_in(folder), Sizes(3, 0))
    cv2.imwrite(str(tmp_path / "0.png"), photo(0))
    with pytest.raises(ConfigError, match="labels are gray"):
        clustered(vgg, pictures_in(folder)._replace(labels=folder), Sizes(3, 2))


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
