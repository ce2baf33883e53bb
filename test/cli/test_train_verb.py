# SPDX-License-Identifier: Apache-2.0
"""Verb ``train``, as a user types it."""

import signal

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("timm", reason="training needs timm")

from vpr_ros.cli.main import main

RECIPE = """
method: r2former_tiny
stages: [{name: short, steps: 2, batch: 2, height: 32, width: 32, local_weight: 0.0}]
"""


@pytest.fixture(autouse=True)
def handlers():
    """The verb sets its own for Ctrl-C."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 255, (40, 60, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def train(*arguments):
    return main(["train", *map(str, arguments), "--threads", "1"])


def test_from_photos_to_weights(recipe, photos, tmp_path, capsys):
    output = tmp_path / "run"
    assert train(recipe, "--photos", photos, "-o", output) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 photos to train with, 0 to validate by\nshort 2/2  loss ")
    assert said.endswith(f"wrote {output / 'weights.pth'}\n")
    assert main(["weights", "check", str(output / "weights.pth")]) == 0
    assert "r2former_tiny_reranker" in capsys.readouterr().out
    assert train(recipe, "--photos", photos, "-o", output, "--resume") == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("none.yaml", None, None), "none.yaml: [Errno 2] No such file or directory"),
        ((None, "nowhere", None), "nowhere: there is no such folder"),
        ((None, None, "recipe.yaml"), "recipe.yaml: File exists"),
    ],
)
def test_one_line_says_what_is_wrong(recipe, photos, tmp_path, capsys, change, message):
    names = [tmp_path / each if each else None for each in change]
    paths = [a or b for a, b in zip(names, (recipe, photos, tmp_path / "run"), strict=True)]
    assert train(paths[0], "--photos", paths[1], "-o", paths[2]) == 2
    said = capsys.readouterr().err.strip()
    assert message in said
    assert said.count("\n") == 0


def test_finetuned_on_a_drive_with_poses(rendered_drive, recipe, photos, tmp_path, capsys):
    """Weights of one run, then places of a recording, until the score no longer grows."""
    assert train(recipe, "--photos", photos, "-o", tmp_path / "photos") == 0
    site = tmp_path / "site.yaml"
    site.write_text(
        "method: r2former_tiny\nvalidate_every: 1\nstages: [{name: site, task: triplets_joint, "
        "steps: 9, patience: 2, batch: 2, refresh: 4, height: 32, width: 32, learning_rate: 0.0, "
        "labels: {negative_distance: 12}}]"
    )
    weights, output = tmp_path / "photos" / "weights.pth", tmp_path / "run"
    lap = rendered_drive.map_bag
    places = ("--places", f"bag={lap} query={rendered_drive.query_bag}", "--validation")
    capsys.readouterr()
    assert train(site, *places, f"bag={lap} interval=1", "--weights", weights, "-o", output) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"begins with {weights}"
    ends = [line for line in said if "recall@1 places" in line]
    assert len(ends) == 3, "a first score, and two that are no better"
    assert train(site, *places, f"bag={lap}", "-o", output, "--resume", "--weights", weights) == 2
