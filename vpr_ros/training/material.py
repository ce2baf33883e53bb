# SPDX-License-Identifier: Apache-2.0
"""What a task learns from and is judged by: views of photos, kinds of scenes, or known places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.training.feed import Feed
from vpr_ros.training.papers.classes import ClassFeed, class_names, validate_classes
from vpr_ros.training.papers.labels import label
from vpr_ros.training.photos import Photos
from vpr_ros.training.recipe import Stage
from vpr_ros.training.trainee import Trainee
from vpr_ros.training.triplets import TripletFeed
from vpr_ros.training.validation import validate, validate_places

AnyFeed = Feed | ClassFeed | TripletFeed


@dataclass(frozen=True)
class TrainingData:
    """All images of a run: of each kind those to train with, and those to validate by."""

    photos: tuple[Photos, Photos] | None = None  # without labels; none may be to validate by
    places: RetrievalSet | None = None
    validation: RetrievalSet | None = None  # with known places

    @property
    def photos_to_train(self) -> Photos:
        """Photos without labels."""
        assert self.photos is not None  # checked
        return self.photos[0]

    @property
    def photos_to_validate(self) -> Photos:
        """Photos that are not trained on; may be none."""
        assert self.photos is not None  # checked
        return self.photos[1]


class Material(Protocol):
    """One kind of it. ``DatasetError`` and ``ImageError`` as the data give them."""

    is_photos: bool  # photos without places

    def feed(self, data: TrainingData, stage: Stage, trainee: Trainee, seed: int) -> AnyFeed:
        """The batches of a stage, for which the trainee is made ready."""

    def judge(self, data: TrainingData, stage: Stage, trainee: Trainee) -> dict[str, float]:
        """What the trainee knows of the data that are not trained on; nothing without such."""


class Views:
    """Photos without labels, each a place."""

    is_photos = True

    def feed(self, data: TrainingData, stage: Stage, trainee: Trainee, seed: int) -> AnyFeed:
        """Two views of each photo."""
        return Feed(data.photos_to_train, stage, trainee.spec, seed)

    def judge(self, data: TrainingData, stage: Stage, trainee: Trainee) -> dict[str, float]:
        """Whether views and neighbors are found."""
        return validate(trainee, data.photos_to_validate, stage)


class Scenes:
    """Photos in a folder for each class."""

    is_photos = True

    def feed(self, data: TrainingData, stage: Stage, trainee: Trainee, seed: int) -> AnyFeed:
        """Photos with their classes, of which the trainee gets a classifier."""
        photos = data.photos_to_train
        names = class_names(photos)
        trainee.classify(len(names))
        return ClassFeed(photos, stage, trainee.spec, seed, names)

    def judge(self, data: TrainingData, stage: Stage, trainee: Trainee) -> dict[str, float]:
        """Whether classes are found."""
        names = class_names(data.photos_to_train)
        return validate_classes(trainee, data.photos_to_validate, names, stage)


class Places:
    """Images with known places."""

    is_photos = False

    def feed(self, data: TrainingData, stage: Stage, trainee: Trainee, seed: int) -> AnyFeed:
        """Queries, each with what is right and what is wrong."""
        assert data.places is not None  # checked
        return TripletFeed(label(data.places, stage.labels), stage, trainee, seed)

    def judge(self, data: TrainingData, stage: Stage, trainee: Trainee) -> dict[str, float]:
        """Whether places are found."""
        if data.validation is None:
            return {}
        return validate_places(trainee, label(data.validation, stage.labels), stage)
