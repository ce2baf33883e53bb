# SPDX-License-Identifier: Apache-2.0
"""R2Former's stages on data with known places: learned by heart, killed and continued."""

import json
from dataclasses import replace

import pytest
import torch
from small_recipes import killed_after

from vpr_ros.errors import TrainingError
from vpr_ros.models.weights import load
from vpr_ros.training.loop import Run, RunOptions
from vpr_ros.training.material import TrainingData
from vpr_ros.training.recipe import Recipe
from vpr_ros.training.run_files import load_checkpoint
from vpr_ros.training.trainee import Trainee


def run(recipe, data, folder, resume=False, **options):
    Run(recipe, data, RunOptions(folder, resume, **options), lambda line: None).go()


@pytest.fixture
def stages(change):
    """A stage of triplets with settings of its own."""
    return lambda task, steps, **values: change(
        name=task, task=task, steps=steps, batch=3, warmup=0, negatives=2, refresh=6, **values
    )


def test_places_are_learned_by_heart(places, stages, tmp_path):
    recipe = Recipe(
        "r2former_tiny",
        (
            stages("triplets", 30, learning_rate=1e-3),
            stages("triplets_rerank", 30, mining="global", learning_rate=1e-3),
            stages("triplets_joint", 5, mining="random", learning_rate=1e-4),
        ),
    )
    run(recipe, places, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    found = {line["stage"]: line["places"] for line in lines if line["kind"] == "validation"}
    assert found == {"triplets": 1.0, "triplets_rerank": 1.0, "triplets_joint": 1.0}
    assert lines[-2]["entropy"] < 0.4


@pytest.mark.parametrize("mining", ["full", "global"])
def test_a_run_killed_in_a_round_ends_as_one_that_was_not(places, stages, tmp_path, mining):
    recipe = Recipe("r2former_tiny", (stages("triplets", 4, mining=mining),), seed=1)
    run(recipe, places, tmp_path / "whole")
    killer = killed_after(3)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, places, tmp_path / "killed", checkpoint_s=0.0, before_step=killer)
    run(recipe, places, tmp_path / "killed", resume=True)
    left, right = (load_checkpoint(tmp_path / each).weights for each in ("killed", "whole"))
    assert all(torch.equal(left[key], right[key]) for key in left)


def test_what_a_recipe_needs(places, stages, change, tmp_path):
    with pytest.raises(TrainingError, match="stage small, task contrast: give --photos"):
        run(Recipe("r2former_tiny", (change(),)), places, tmp_path)
    with pytest.raises(TrainingError, match="task triplets: give --places"):
        run(Recipe("r2former_tiny", (stages("triplets", 1),)), TrainingData(), tmp_path)


def test_transvpr_by_triplets(places, stages, tmp_path):
    """The attention layers first, then everything."""
    recipe = Recipe(
        "transvpr",
        (
            stages("triplets", 2, teaches=("extractor.pool",)),
            stages("triplets", 1),
        ),
    )
    run(replace(recipe, stages=recipe.stages[:1]), places, tmp_path)
    before = load_checkpoint(tmp_path).weights
    run(recipe, places, tmp_path, resume=True)
    after = load_checkpoint(tmp_path).weights
    torch.manual_seed(recipe.seed)
    new = Trainee("transvpr").weights()
    assert {key.split(".")[0] for key in new if not torch.equal(new[key], before[key])} == {"pool"}
    changed = {key.split(".")[0] for key in new if not torch.equal(after[key], before[key])}
    assert {"pool", "conv1", "transformer"} <= changed
    assert load(tmp_path / "weights.pth").spec.method == "transvpr"


def test_what_cannot_be_taught(places, photos, stages, change, tmp_path):
    with pytest.raises(
        TrainingError, match="only classify, triplets, tuples, info_nce can teach it"
    ):
        run(Recipe("transvpr", (change(),)), photos, tmp_path)
    stage = stages("triplets", 1, teaches=("extractor.nose",))
    with pytest.raises(TrainingError, match=r"nothing is called extractor\.nose"):
        run(Recipe("r2former_tiny", (stage,)), places, tmp_path / "other")
