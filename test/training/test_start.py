# SPDX-License-Identifier: Apache-2.0
"""Runs that begin with weights: all of a method's, those without a reranker, and ImageNet's."""

import pytest
import timm
import torch
from torch.nn import functional

from vpr_ros.errors import WeightsError
from vpr_ros.training.loop import Run, RunOptions
from vpr_ros.training.run_files import write_weights
from vpr_ros.training.trainee import Trainee, start


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network and its file."""
    torch.manual_seed(7)
    network, path = Trainee("r2former_tiny"), tmp_path_factory.mktemp("weights") / "own.pth"
    write_weights(network, path)
    return network, path


def same(one, other, prefix=""):
    return all(torch.equal(other[key], value) for key, value in one.items() if prefix in key)


def test_a_run_begins_with_the_weights_of_a_file(trained, recipe, photos, tmp_path):
    told = []
    run = Run(recipe, photos, RunOptions(tmp_path / "run"), told.append, trained[1])
    assert same(trained[0].weights(), run.trainee.weights())
    assert told == [f"begins with {trained[1]}"]
    run.save()
    resumed = Run(recipe, photos, RunOptions(tmp_path / "run", resume=True), told.append)
    assert same(trained[0].weights(), resumed.trainee.weights())


def test_without_a_reranker(trained, tmp_path):
    path = tmp_path / "global.pth"
    torch.save({k: v for k, v in trained[0].weights().items() if "Reranker" not in k}, path)
    trainee = Trainee("r2former_tiny")
    before = {key: value.clone() for key, value in trainee.weights().items()}
    assert start(trainee, path).endswith("global.pth, its reranker with random weights")
    assert same(trained[0].extractor.state_dict(), trainee.extractor.state_dict())
    assert same(before, trainee.weights(), "Reranker")


def test_what_does_not_fit(trained, tmp_path):
    path = tmp_path / "cut.pth"
    torch.save({k: v for k, v in trained[0].weights().items() if "stem.0.1" not in k}, path)
    with pytest.raises(WeightsError, match=r"does not fit r2former_tiny: missing: stem\.0\.1"):
        start(Trainee("r2former_tiny"), path)
    with pytest.raises(WeightsError, match="does not fit transvpr"):
        start(Trainee("transvpr"), trained[1])


def test_r2former_begins_with_a_deit_of_imagenet(tmp_path):
    """Both heads from ImageNet's first one, positions stretched to the grid of 480 x 640 pixels."""
    torch.manual_seed(1)
    deit = timm.create_model("deit_small_distilled_patch16_224")
    torch.nn.init.normal_(deit.pos_embed)
    path = tmp_path / "deit.pth"
    torch.save({"model": deit.state_dict()}, path)
    trainee = Trainee("r2former")
    assert start(trainee, path) == f"begins with the backbone of {path}"
    found = trainee.extractor.backbone.state_dict()
    assert same({k: v for k, v in deit.state_dict().items() if "blocks." in k}, found)
    for head in ("head", "head_dist"):
        assert torch.equal(found[f"{head}.weight"], deit.head.weight[:256])
    grid = found["pos_embed"][:, 2:].unflatten(1, (30, 40))
    square = deit.pos_embed[:, 2:].unflatten(1, (14, 14)).permute(0, 3, 1, 2)
    expected = functional.interpolate(square, (30, 40), mode="bilinear").permute(0, 2, 3, 1)
    torch.testing.assert_close(grid, expected)
    assert torch.equal(found["pos_embed"][:, :2], deit.pos_embed[:, :2])
    del deit.blocks[3]
    torch.save(deit.state_dict(), path)
    with pytest.raises(WeightsError, match=r"is no DeiT of this size: blocks\.11"):
        start(trainee, path)
