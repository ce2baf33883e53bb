# SPDX-License-Identifier: Apache-2.0
"""Recipes of ``config/train`` made small, and a handful of images for them."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from small_photos import COUNT, photo

from vpr_ros.datatypes import Pose
from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.training.appearance import AppearanceRecipe
from vpr_ros.training.loop import SCORES, Run, RunOptions
from vpr_ros.training.material import TrainingData
from vpr_ros.training.papers.labels import LabelRecipe
from vpr_ros.training.photos import read_photos
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.tasks import TASKS
from vpr_ros.training.trainee import Trainee, start
from vpr_ros.training.views import ViewRecipe

RECIPES = sorted((Path(__file__).parents[2] / "config" / "train").glob("*.yaml"))
VARIANT = {"sup_vpr": "small"}  # the large one takes minutes
SIZE = {"sup_vpr": 56}  # pixels; whole patches
RATE = {"appsvr": 1e-2, "sup_vpr": 1e-4, "r2former_tiny": 1e-3}
# Of stages in which everything learns; the others have two.
STEPS, USUAL_STEPS = {"sup_vpr": 40, "r2former_tiny": 40}, 25
JUDGED_EVERY = 4  # steps
GENTLE = AppearanceRecipe(0.3, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def killed_after(steps):
    """Ends a run as SIGKILL would after so many steps: nothing is written any more."""
    left = iter(range(steps))

    def before_step(stage, step):
        if next(left, None) is None:
            raise KeyboardInterrupt

    return before_step


class Pictures:
    """The photos, changed in a way."""

    def __init__(self, change):
        self.names = [f"{number}.png" for number in range(COUNT)]
        self._change = change

    def read(self, index):
        return np.ascontiguousarray(self._change(photo(index)))


def plain(image):
    return image[:, :-12]


def recolored(image):
    """From a little aside, red and blue exchanged: most networks do not know it again untaught."""
    return image[:, 12:, ::-1]


def negative(image):
    """No network knows it again untaught."""
    return 255 - image[:, 12:]


def small_data(folder, changed=recolored):
    """A place for each photo; and photos in two folders, those in one of them tinted."""
    for number in range(COUNT):
        name, tint = (("red", (1.0, 0.4, 0.4)), ("blue", (0.4, 0.4, 1.0)))[number % 2]
        (folder / name).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name / f"{number}.png"), (photo(number) * tint).astype(np.uint8))
    poses = tuple(Pose((50.0 * n, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "map") for n in range(COUNT))
    places = RetrievalSet(
        "town", Pictures(plain), Pictures(changed), {}, database_poses=poses, query_poses=poses
    )
    photos = read_photos(folder, {}, [], 320)[0]
    return TrainingData((photos, photos), places, places)


def small(stage, name):
    """The same stage of the recipe of this name, on few small images."""
    size = SIZE.get(name, 64)
    is_partial = name != "appsvr" and (stage.teaches or TASKS[stage.task].teaches)
    steps = 2 if is_partial else STEPS.get(name, USUAL_STEPS)
    return replace(
        stage,
        steps=steps,
        epoch=steps,
        warmup=0,
        patience=0,
        batch=COUNT if TASKS[stage.task].material.is_photos else 3,
        negatives=min(stage.negatives, 2),
        refresh=2 * COUNT,
        height=size,
        width=size,
        learning_rate=RATE.get(name, 3e-4),
        labels=LabelRecipe(),
        views=ViewRecipe(0.8, 0.05, 0.05, 0.05, 0.0),
        appearance=GENTLE,
    )


class LearnedEverything(BaseException):
    """Nothing is left to be learned."""


def recalls(path, data, folder, weights=None):
    """Recall of the data by the network that a recipe begins with, and by that it ends with.

    The last stage ends as soon as it knows everything.
    """
    recipe = read_recipe(path)
    stages = tuple(small(each, path.stem) for each in recipe.stages)
    # What does not get better for a while is left to the last one.
    stages = (*(replace(each, patience=1) for each in stages[:-1]), stages[-1])
    recipe = replace(recipe, variant=VARIANT.get(recipe.method, ""))
    torch.manual_seed(recipe.seed)
    untaught = Trainee(recipe.network)
    if weights is not None:
        start(untaught, weights)
    material = TASKS[stages[-1].task].material
    material.feed(data, stages[-1], untaught, 0)
    before = material.judge(data, stages[-1], untaught)
    score = next(each for each in SCORES if each in before)
    made = replace(recipe, stages=stages, drives={}, validation=(), validate_every=JUDGED_EVERY)

    def before_step(stage, step):
        if stage == stages[-1].name and scores(folder, stage, score)[-1:] == [1.0]:
            raise LearnedEverything

    with suppress(LearnedEverything):
        options = RunOptions(folder, before_step=before_step)
        Run(made, data, options, lambda line: None, weights).go()
    return before[score], scores(folder, stages[-1].name, score)[-1]


def scores(folder, stage, score):
    """What every validation of a stage gave until now."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line[score] for line in lines if (line["kind"], line["stage"]) == ("validation", stage)]
