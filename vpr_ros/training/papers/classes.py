# SPDX-License-Identifier: Apache-2.0
"""Classification of scenes, which TransVPR begins with: a class for each folder of photos.

Wang et al., "TransVPR", CVPR 2022, supplement: cross entropy on Places365 (Zhou et al., PAMI 2018),
images cropped at random (Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, section 6)
and mirrored. The classifier is read from the class token and left behind when the stage ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vpr_ros.datatypes import ImageArray
from vpr_ros.errors import TrainingError
from vpr_ros.training.appearance import Random
from vpr_ros.training.feed import PhotoFeed, as_input
from vpr_ros.training.photos import Photos
from vpr_ros.training.recipe import Stage
from vpr_ros.training.run_files import Figures, figures_of
from vpr_ros.training.trainee import Trainee

_SMALLEST, _WIDEST = 0.08, 4 / 3  # of a crop: part of the photo's area, width by height
_ATTEMPTS = 10
_JUDGED = 2000  # photos of a validation at most


class ClassBatch(NamedTuple):
    """Images and what they show."""

    images: Tensor  # [B, 3, H, W] normalized
    classes: Tensor  # int64 [B]


def class_names(photos: Photos) -> list[str]:
    """The folders of photos, in order.

    Raises:
        TrainingError: there is but one.
    """
    names = sorted({_folder(name) for name in photos.names})
    if len(names) < 2:
        raise TrainingError("classification needs a folder of photos for each of several classes")
    return names


@dataclass(frozen=True)
class ClassFeed(PhotoFeed):
    """Makes the batches of one stage from its step's number alone."""

    names: Sequence[str]

    def batch(self, step: int) -> ClassBatch:
        """The batch of a step, counted from 0 within the stage."""
        indices, images = self.samples(step, self._image)
        return ClassBatch(as_input(images, self.spec), _numbers(self.photos, indices, self.names))

    def _image(self, index: int, random: Random) -> ImageArray:
        photo = _cropped(self.photos.read(index), random)
        if random.random() < self.stage.views.flip:
            photo = np.ascontiguousarray(photo[:, ::-1])
        size = (self.stage.width, self.stage.height)
        return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def classification(trainee: Trainee, batch: ClassBatch, stage: Stage) -> tuple[Tensor, Figures]:
    """The cross entropy of a batch."""
    del stage
    logits = trainee.class_logits(batch.images).float()
    hits = (logits.argmax(dim=1) == batch.classes).float().mean()
    return functional.cross_entropy(logits, batch.classes), figures_of({"hits": hits})


def validate_classes(
    trainee: Trainee, photos: Photos, names: Sequence[str], stage: Stage
) -> dict[str, float]:
    """The part of whole photos whose class is found, of those whose class is known.

    Raises:
        ImageError: a photo is missing or damaged.
    """
    known = [n for n, name in enumerate(photos.names) if _folder(name) in names]
    chosen = known[:: max(1, len(known) // _JUDGED)]
    if not chosen:
        return {}
    with trainee.at_rest():
        images = trainee.inputs(photos.read, chosen, stage)
        found = torch.cat([trainee.class_logits(each).argmax(dim=1).cpu() for each in images])
    return {"top1": int((found == _numbers(photos, chosen, names)).sum()) / len(chosen)}


def _cropped(photo: ImageArray, random: np.random.Generator) -> ImageArray:
    """A part of a photo, between a twelfth and all of its area."""
    height, width = photo.shape[:2]
    for _ in range(_ATTEMPTS):
        area = random.uniform(_SMALLEST, 1.0) * height * width
        aspect = math.exp(random.uniform(-math.log(_WIDEST), math.log(_WIDEST)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            y, x = random.integers(height - h + 1), random.integers(width - w + 1)
            return photo[y : y + h, x : x + w]
    return photo


def _numbers(photos: Photos, indices: Sequence[int], names: Sequence[str]) -> Tensor:
    """The class of each photo."""
    number = {name: n for n, name in enumerate(names)}
    return torch.tensor([number[_folder(photos.names[each])] for each in indices])


def _folder(name: str) -> str:
    return PurePath(name).parent.as_posix()
