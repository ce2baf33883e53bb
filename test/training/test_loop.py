# SPDX-License-Identifier: Apache-2.0
"""Runs: they learn, they can be killed at any time, and they say what is wrong in one line."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_recipes import killed_after

from vpr_ros.errors import TrainingError
from vpr_ros.models.weights import load
from vpr_ros.training import loop, run_files
from vpr_ros.training.loop import Run, RunOptions
from vpr_ros.training.material import VIEWS
from vpr_ros.training.recipe import Recipe
from vpr_ros.training.tasks import Task


def run(recipe, photos, folder, resume=False, **options):
    """What it told, after all of it."""
    told = []
    training = Run(recipe, photos, RunOptions(folder, resume, **options), told.append)
    training.go()
    return training, told


def weights(folder):
    return run_files.load_checkpoint(folder).weights


def assert_same(left, right):
    assert left.keys() == right.keys()
    assert all(torch.equal(left[key], right[key]) for key in left)


def refused(recipe, photos, folder, resume=True):
    with pytest.raises(TrainingError) as info:
        run(recipe, photos, folder, resume)
    assert "\n" not in str(info.value)
    return str(info.value)


@pytest.fixture
def three_stages(change):
    """All tasks, two steps each."""
    names = ("contrast", "rerank", "joint")
    stages = tuple(change(name=name, task=name, steps=2, warmup=0) for name in names)
    return Recipe("r2former_tiny", stages, seed=3, validate_every=100)


def test_a_run_that_was_killed_ends_as_one_that_was_not(three_stages, photos, tmp_path):
    """Killed in the middle of a stage, between stages, and with work lost since the checkpoint."""
    run(three_stages, photos, tmp_path / "whole")
    for steps in (1, 3, 4):
        folder = tmp_path / f"killed_after_{steps}"
        options = {"checkpoint_s": 0.0, "before_step": killed_after(steps)}
        with pytest.raises(KeyboardInterrupt):
            run(three_stages, photos, folder, **options)
        torch.manual_seed(99)
        run(three_stages, photos, folder, resume=True)
        assert_same(weights(folder), weights(tmp_path / "whole"))


def test_a_run_that_was_stopped_ends_as_one_that_was_not(recipe, photos, tmp_path):
    run(recipe, photos, tmp_path / "whole")
    stopped = Run(recipe, photos, RunOptions(tmp_path / "stopped"), lambda line: None)
    stopped.stop()
    with pytest.raises(KeyboardInterrupt):
        stopped.go()
    assert run_files.load_checkpoint(tmp_path / "stopped").step == 1
    run(recipe, photos, tmp_path / "stopped", resume=True)
    assert_same(weights(tmp_path / "stopped"), weights(tmp_path / "whole"))


def test_the_log_and_the_files(three_stages, photos, tmp_path):
    training, told = run(three_stages, photos, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["kind"], line["stage"]) for line in lines] == [
        (kind, name) for name in ("contrast", "rerank", "joint") for kind in ("train", "validation")
    ]
    assert {"loss", "global", "local", "hits", "entropy", "judged"} <= lines[-2].keys()
    assert told[0].startswith("contrast 2/2  loss ")
    for name in ("r2former_tiny", "r2former_tiny_reranker"):
        assert load(tmp_path / "weights.pth", name).spec.weights_sha256
    assert_same(torch.load(tmp_path / "weights.pth"), training.trainee.weights())


def test_the_backbone_stays_as_it_is_while_the_reranker_learns(three_stages, photos, tmp_path):
    stages = three_stages.stages
    run(replace(three_stages, stages=stages[:1]), photos, tmp_path)
    before = weights(tmp_path)
    run(replace(three_stages, stages=stages[:2]), photos, tmp_path, resume=True)
    after = weights(tmp_path)
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"local_head", "Reranker"}


def test_a_handful_of_photos_is_learned_by_heart(photos, change, tmp_path):
    """By all tasks: every view finds its photo, and the reranker judges all pairs right."""
    stages = (
        change(name="global", task="contrast", steps=30, learning_rate=2e-3),
        change(name="reranker", task="rerank", steps=20, learning_rate=1e-3, hardness=2),
        change(name="joint", task="joint", steps=10, learning_rate=5e-4, hardness=2),
    )
    run(Recipe("r2former_tiny", stages, validate_every=1000), photos, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    found = {line["stage"]: line["views"] for line in lines if line["kind"] == "validation"}
    assert found == {"global": 1.0, "reranker": 1.0, "joint": 1.0}
    assert lines[-2]["hits"] == lines[-2]["judged"] == 1.0


def test_damaged_and_foreign_checkpoints(recipe, photos, tmp_path):
    assert "no such checkpoint: leave --resume out" in refused(recipe, photos, tmp_path)
    path = tmp_path / run_files.CHECKPOINT
    run(recipe, photos, tmp_path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not a checkpoint"):
        path.write_bytes(content)
        assert f"{path} cannot be read" in refused(recipe, photos, tmp_path)
    torch.save({"format": 2}, path)
    assert "format 2, not 1" in refused(recipe, photos, tmp_path)
    torch.save({"format": 1, "weights": {}}, path)
    assert "is no checkpoint of a run" in refused(recipe, photos, tmp_path)


def test_a_run_is_not_overwritten(recipe, photos, tmp_path):
    run(recipe, photos, tmp_path)
    assert "holds a run already: --resume" in refused(recipe, photos, tmp_path, resume=False)


def test_a_run_goes_on_by_the_recipe_that_it_began_with(recipe, photos, change, tmp_path):
    run(recipe, photos, tmp_path)
    other = replace(recipe, stages=(change(batch=3),))
    assert "stages[0].batch = 6, not 3" in refused(other, photos, tmp_path)
    assert "seed = 3, not 4" in refused(replace(recipe, seed=4), photos, tmp_path)
    longer = replace(recipe, stages=(*recipe.stages, change(name="more", steps=1)))
    assert run(longer, photos, tmp_path, resume=True)[1][-1].startswith("more 1/1")


def test_settings_that_are_newer_than_the_run(recipe, photos, tmp_path):
    run(recipe, photos, tmp_path)
    left = run_files.load_checkpoint(tmp_path)
    del left.recipe["stages"][0]["mining"]
    run_files.check_recipe(left, recipe)


def test_a_loss_that_is_not_finite(recipe, photos, tmp_path, monkeypatch):
    infinite = Task(lambda trainee, *_: (trainee.extractor.pool.p.sum() / 0.0, {}), VIEWS)
    monkeypatch.setitem(loop.TASKS, recipe.stages[0].task, infinite)
    with pytest.raises(TrainingError, match="step 0: the loss is inf: lower learning_rate or set"):
        run(recipe, photos, tmp_path)


PROGRAM = """
import sys
from vpr_ros.cli.main import main
sys.exit(main(["train", *sys.argv[1:]]))
"""


def test_sigkill(folder, tmp_path):
    """A real process, killed while it trains, goes on where its last checkpoint was."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "method: r2former_tiny\nvalidate_every: 1000\n"
        "stages: [{steps: 100000, batch: 2, height: 32, width: 32, local_weight: 0.0}]\n"
    )
    arguments = [str(recipe), "--photos", str(folder), "-o", str(tmp_path / "run")]
    arguments += ["--checkpoint-every", "0", "--threads", "1"]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    path = tmp_path / "run" / run_files.CHECKPOINT
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not path.exists():
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
    left = run_files.load_checkpoint(tmp_path / "run")
    assert (left.stage, left.step >= 1) == (0, True)
    assert not list(Path(tmp_path / "run").glob("*.part.*"))
