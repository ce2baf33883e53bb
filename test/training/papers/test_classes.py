# SPDX-License-Identifier: Apache-2.0
"""Scenes classified, which TransVPR begins with: a folder of photos for each class."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from small_photos import photo
from small_recipes import killed_after

from vpr_ros.errors import TrainingError
from vpr_ros.models import network_of
from vpr_ros.models.weights import load
from vpr_ros.training.loop import Run, RunOptions
from vpr_ros.training.material import TrainingData
from vpr_ros.training.papers.classes import ClassFeed, class_names
from vpr_ros.training.photos import read_photos
from vpr_ros.training.recipe import Recipe
from vpr_ros.training.run_files import load_checkpoint

SPEC = network_of("transvpr").spec


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Two classes of four photos, one of each held out."""
    folder = tmp_path_factory.mktemp("scenes")
    for name, tint in (("a/abbey", (0.2, 1.0, 1.0)), ("b/beach", (1.0, 1.0, 0.2))):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            image = (photo(number) * tint).astype(np.uint8)
            cv2.imwrite(str(folder / name / f"{number}.png"), image)
    return TrainingData(read_photos(folder, {}, ["*3.png"], 320))


@pytest.fixture
def stage(change):
    return change(name="scenes", task="classify", batch=4, steps=30, learning_rate=5e-4, warmup=0)


def run(recipe, data, folder, resume=False, **options):
    training = Run(recipe, data, RunOptions(folder, resume, **options), lambda line: None)
    training.go()
    return training


def test_the_log_tells_how_many_scenes_are_known(scenes, stage, tmp_path):
    run(Recipe("transvpr", (replace(stage, steps=2),), validate_every=2), scenes, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    (known,) = (line["top1"] for line in lines if line["kind"] == "validation")
    assert known in (0.0, 0.5, 1.0), "of two photos"
    assert load(tmp_path / "weights.pth").spec.method == "transvpr", "the classifier is left behind"


def test_a_killed_run_keeps_its_classifier(scenes, change, tmp_path):
    short = change(name="scenes", task="classify", batch=4, steps=4)
    recipe = Recipe("transvpr", (short,), validate_every=100)
    run(recipe, scenes, tmp_path / "whole")
    killer = killed_after(2)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, scenes, tmp_path / "killed", checkpoint_s=0.0, before_step=killer)
    run(recipe, scenes, tmp_path / "killed", resume=True)
    left, right = (load_checkpoint(tmp_path / each).weights for each in ("killed", "whole"))
    assert "classifier.weight" in left
    assert all(torch.equal(left[key], right[key]) for key in right)


def test_batches_show_every_photo_with_its_class(scenes, stage):
    photos = scenes.photos_to_train
    names = class_names(photos)
    assert names == ["a/abbey", "b/beach"]
    feed = ClassFeed(photos, stage, SPEC, 0, names)
    batch = feed.batch(0)
    assert batch.images.shape == (4, 3, 64, 64)
    reds = batch.images[:, 0].mean(dim=(1, 2)) - batch.images[:, 2].mean(dim=(1, 2))
    assert torch.equal(reds < 0, batch.classes == 1), "beaches are blue"
    assert all(map(torch.equal, batch, feed.batch(0)))
    seen = torch.cat([feed.batch(step).classes for step in range(3)])
    assert seen.bincount().tolist() == [6, 6], "six photos, twice"


def test_what_cannot_be_classified(scenes, stage, photos, tmp_path):
    with pytest.raises(TrainingError, match="a folder of photos for each of several classes"):
        run(Recipe("transvpr", (stage,)), photos, tmp_path / "one")
    with pytest.raises(TrainingError, match="r2former_tiny has no class token"):
        run(Recipe("r2former_tiny", (stage,)), scenes, tmp_path / "other")
