# SPDX-License-Identifier: Apache-2.0
"""What a task learns from and is judged by: views of photos, kinds of scenes, or known places.

Photos that the recipe holds out answer two questions. ``views``: of the second views of all photos,
is the most similar one that of the same photo? ``drives``: of the frames of all drives, is the most
similar one at most three frames away from the query, which is every fifth frame?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.training.feed import Feed
from vpr_ros.training.papers.classes import ClassFeed, class_names, validate_classes
from vpr_ros.training.papers.labels import label
from vpr_ros.training.photos import Photos
from vpr_ros.training.recipe import Stage
from vpr_ros.training.trainee import CHUNK, Trainee
from vpr_ros.training.triplets import TripletFeed, describe_images

AnyFeed = Feed | ClassFeed | TripletFeed
_VIEWS = 200  # photos at most
_EVERY, _REACH = 5, 3.0  # frames
_CANDIDATES = 10  # reranked
_QUERIES = 60  # reranked: they cost much more than describing an image
_SEED = 1_000_003  # of the views: the same ones whenever they are asked for


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


@dataclass(frozen=True)
class Material:
    """One kind of it. ``DatasetError`` and ``ImageError`` as the data give them."""

    is_photos: bool  # photos without places
    # The batches of a stage, for which the trainee is made ready; the number is a seed.
    feed: Callable[[TrainingData, Stage, Trainee, int], AnyFeed]
    # What the trainee knows of the data that are not trained on; nothing without such.
    judge: Callable[[TrainingData, Stage, Trainee], dict[str, float]]


def _feed_views(data: TrainingData, stage: Stage, trainee: Trainee, seed: int) -> AnyFeed:
    """Two views of each photo."""
    return Feed(data.photos_to_train, stage, trainee.spec, seed)


def _judge_views(data: TrainingData, stage: Stage, trainee: Trainee) -> dict[str, float]:
    """Recall@1 of both questions, and of the second one after reranking ten candidates.

    A figure is left out where the photos cannot give it.
    """
    photos = data.photos_to_validate
    with trainee.at_rest():
        return {**_of_views(trainee, photos, stage), **_of_drives(trainee, photos, stage)}


def _feed_scenes(data: TrainingData, stage: Stage, trainee: Trainee, seed: int) -> AnyFeed:
    """Photos with their classes, of which the trainee gets a classifier."""
    names = class_names(data.photos_to_train)
    trainee.classify(len(names))
    return ClassFeed(data.photos_to_train, stage, trainee.spec, seed, names)


def _judge_scenes(data: TrainingData, stage: Stage, trainee: Trainee) -> dict[str, float]:
    names = class_names(data.photos_to_train)
    return validate_classes(trainee, data.photos_to_validate, names, stage)


def _feed_places(data: TrainingData, stage: Stage, trainee: Trainee, seed: int) -> AnyFeed:
    """Queries, each with what is right and what is wrong."""
    assert data.places is not None  # checked
    return TripletFeed(label(data.places, stage.labels), stage, trainee, seed)


def _judge_places(data: TrainingData, stage: Stage, trainee: Trainee) -> dict[str, float]:
    """Recall@1 and @5 of global descriptors; right is what is too near to be a negative."""
    if data.validation is None:
        return {}
    labeled = label(data.validation, stage.labels)
    describe = partial(describe_images, trainee, stage)
    known = describe(labeled.database, np.arange(len(labeled.database.names)))
    asked = describe(labeled.queries, labeled.indices)
    ranking = np.argsort(-(asked @ known.T), axis=1, kind="stable")[:, :5]
    pairs = zip(labeled.indices, ranking, strict=True)
    hits = np.stack([np.isin(row, labeled.excluded[n]) for n, row in pairs])
    return {"places": float(hits[:, 0].mean()), "places_at_5": float(hits.any(axis=1).mean())}


VIEWS = Material(True, _feed_views, _judge_views)  # photos without labels, each a place
SCENES = Material(True, _feed_scenes, _judge_scenes)  # photos in a folder for each class
PLACES = Material(False, _feed_places, _judge_places)  # images with known places


def _of_views(trainee: Trainee, photos: Photos, stage: Stage) -> dict[str, float]:
    if len(photos) < 2:
        return {}
    count = min(len(photos), _VIEWS)
    alone = replace(stage, neighbor_share=0.0, batch=count)
    batch = Feed(photos, alone, trainee.spec, _SEED).batch(0)
    first, second = (
        _described(trainee, torch.split(each, CHUNK))[0] for each in (batch.first, batch.second)
    )
    similarity = (first @ second.T).masked_fill(batch.related & ~torch.eye(count).bool(), -2.0)
    hits = similarity.argmax(dim=1) == torch.arange(count)
    return {"views": float(hits.float().mean())}


def _of_drives(trainee: Trainee, photos: Photos, stage: Stage) -> dict[str, float]:
    frames = [index for index, moment in enumerate(photos.moments) if moment.drive]
    queries, database = frames[::_EVERY], [f for n, f in enumerate(frames) if n % _EVERY]
    positives = [set(photos.near(each, _REACH)) & set(database) for each in queries]
    queries = [each for each, right in zip(queries, positives, strict=True) if right]
    positives = [each for each in positives if each]
    if not queries:
        return {}
    # Whole photos, as a robot's network gets them.
    asked, asked_rows = _described(trainee, trainee.inputs(photos.read, queries, stage))
    known, known_rows = _described(trainee, trainee.inputs(photos.read, database, stage))
    ranking = (asked @ known.T).argsort(dim=1, descending=True)
    figures = {"drives": _recall(ranking[:, 0], database, positives)}
    if stage.task != "contrast":
        best = _reranked(trainee, asked_rows, known_rows, ranking)
        figures["retrieved"] = _recall(ranking[:_QUERIES, 0], database, positives)
        figures["reranked"] = _recall(best, database, positives)
    return figures


def _reranked(trainee: Trainee, asked: Tensor, known: Tensor, ranking: Tensor) -> Tensor:
    """The best candidate of the first queries, [Q]."""
    chosen = []
    for row, order in zip(asked[:_QUERIES], ranking[:_QUERIES, :_CANDIDATES], strict=True):
        rows = (each.to(trainee.device) for each in (row.unsqueeze(0), known[order]))
        scores = trainee.reranker(*rows)["scores"]
        chosen.append(order[int(scores.argmax())])
    return torch.stack(chosen)


def _recall(best: Tensor, database: Sequence[int], positives: Sequence[set[int]]) -> float:
    hits = [database[int(each)] in right for each, right in zip(best, positives, strict=False)]
    return float(np.mean(hits))


def _described(trainee: Trainee, chunks: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Global descriptors [N, D] and local features [N, K, 3 + C]."""
    outputs = [trainee.extractor(each.to(trainee.device)) for each in chunks]
    descriptors = torch.cat([each["global_descriptor"].cpu() for each in outputs])
    return descriptors, torch.cat([each["local_features"].cpu() for each in outputs])
