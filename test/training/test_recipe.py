# SPDX-License-Identifier: Apache-2.0
"""Recipes: those that come with the package, and what is refused."""

from pathlib import Path

import pytest

from vpr_ros.errors import ConfigError
from vpr_ros.training.recipe import SCHEDULES, read_recipe

RECIPES = sorted((Path(__file__).parents[2] / "config" / "train").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_that_come_with_the_package(path):
    recipe = read_recipe(path)
    assert path.stem.startswith(recipe.method)
    for stage in recipe.stages:
        assert (stage.height % 16, stage.width % 16) == (0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "no recipe"),
        ("a: [", "while parsing"),
        ("method: r2former_tiny", "at least one of 'stages'"),
        ("method: m\nstages: [{}]\nsize: 3", "no setting 'size'; known: method, stages"),
        ("method: m\nstages: [{steps: 0}]", "stage 0: steps = 0: must be between 1"),
        ("method: m\nstages: [{views: {tilt: 3.0}}]", "views.tilt = 3.0: must be between"),
        ("method: m\nstages: [{views: {x: 3.0}}]", "no setting 'views.x'"),
        ("method: m\nstages: [3]", "stage 0: write NAME: VALUE"),
        ("method: m\nstages: [{schedule: x}]", "stage 0: schedule = 'x': choose one of constant"),
        ("method: m\nstages: [{}]\nseed: a", "seed = 'a': must be of type int"),
    ],
)
def test_refusals(text, message, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as info:
        read_recipe(path)
    assert message in str(info.value)
    assert str(path) in str(info.value)
    assert "\n" not in str(info.value)


def test_numbers_without_a_point(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("method: m\nstages: [{learning_rate: 1e-5, clip: 5}]")
    stage = read_recipe(path).stages[0]
    assert (stage.learning_rate, stage.clip) == (1e-5, 5.0)


def test_schedules():
    assert [SCHEDULES["r2former"](epoch, 50, 5) for epoch in (0, 4, 5, 50)] == pytest.approx(
        [0.1, 0.82, 0.9755283, 0.0]
    )
    found = [SCHEDULES["transvpr"](epoch, 100, 5) for epoch in (0, 1, 4, 5, 100)]
    assert found == pytest.approx([1 / 5, 1 / 4, 1.0, 1.0, 0.0])
    found = [SCHEDULES["cosine"](step, 100, 9) for step in (0, 8, 9, 100)]
    assert found == pytest.approx([0.1, 0.9, 1.0, 0.01])
    assert [SCHEDULES["constant"](step, 100, 1) for step in (0, 1, 99)] == [0.5, 1.0, 1.0]
