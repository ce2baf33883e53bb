# SPDX-License-Identifier: Apache-2.0
"""A handful of photos, and stages that train on them within seconds."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("timm", reason="training needs timm")

import torch

sys.path.insert(0, str(Path(__file__).parent))

from small_photos import COUNT, photo

from vpr_ros.datatypes import Pose
from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.training.appearance import AppearanceRecipe
from vpr_ros.training.material import TrainingData
from vpr_ros.training.photos import read_photos
from vpr_ros.training.recipe import Recipe, Stage
from vpr_ros.training.views import ViewRecipe

GENTLE = AppearanceRecipe(0.3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
STAGE = Stage(
    name="small",
    steps=4,
    batch=COUNT,
    height=64,
    width=64,
    warmup=2,
    learning_rate=2e-3,
    local_points=16,
    neighbor_share=0.0,
    views=ViewRecipe(0.8, 0.05, 0.05, 0.05, 0.0),
    appearance=GENTLE,
)


class Cut:
    """The photos, cut at a column."""

    def __init__(self, left):
        self.names = [f"{number}.png" for number in range(COUNT)]
        self._left = left

    def read(self, index):
        return np.ascontiguousarray(photo(index)[:, self._left : self._left + 80])


@pytest.fixture(scope="session")
def places():
    """Each photo is a place; queries show it from a little aside."""
    poses = tuple(Pose((50.0 * n, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "map") for n in range(COUNT))
    data = RetrievalSet("town", Cut(0), Cut(12), {}, database_poses=poses, query_poses=poses)
    return TrainingData(places=data, validation=data)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Photos as files."""
    path = tmp_path_factory.mktemp("photos")
    for number in range(COUNT):
        cv2.imwrite(str(path / f"walk_{number:03}.png"), photo(number)[..., ::-1])
    return path


@pytest.fixture
def photos(folder):
    """The same photos to train with and to validate by."""
    return TrainingData((read_photos(folder, {}, [], 320)[0],) * 2)


@pytest.fixture
def recipe():
    return Recipe("r2former_tiny", (STAGE,), seed=3)


@pytest.fixture
def change():
    """Another stage instead of that of ``recipe``."""
    return lambda **values: replace(STAGE, **values)


@pytest.fixture(autouse=True)
def few_threads():
    """Steps this small gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
