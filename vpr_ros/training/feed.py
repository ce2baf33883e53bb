# SPDX-License-Identifier: Apache-2.0
"""What a step of training sees, made from photos and the step's number alone.

Nothing depends on what was made before: a run that goes on after a crash sees what it would have
seen.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vpr_ros.datatypes import ImageArray, ModelSpec
from vpr_ros.training.appearance import Random, changed
from vpr_ros.training.photos import Photos
from vpr_ros.training.recipe import Stage
from vpr_ros.training.views import pair_of_views, second_T_first

_TWINS = 0.5  # share of neighbors that are from the very same position, where there are such

Made = TypeVar("Made")


class Batch(NamedTuple):
    """Two views of each of B places."""

    first: Tensor  # [B, 3, H, W] normalized
    second: Tensor  # [B, 3, H, W]
    second_T_first: Tensor  # [B, 3, 3] homography in pixels; NaN where it is not known
    related: Tensor  # bool [B, B] places that may be one


class _Sample(NamedTuple):
    first: ImageArray
    second: ImageArray
    matrix: np.ndarray


@dataclass(frozen=True)
class PhotoFeed:
    """What the feeds of photos have in common."""

    photos: Photos
    stage: Stage
    spec: ModelSpec  # of the network: how images are normalized
    seed: int

    def state(self) -> dict[str, Any]:
        """For a checkpoint: nothing, as nothing is remembered."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """The reverse of ``state``."""

    def samples(
        self, step: int, make: Callable[[int, Random], Made]
    ) -> tuple[list[int], list[Made]]:
        """The photos of a step, and what is made of each by its own random numbers."""
        together = self.photos.drives if self.stage.by_drive else np.arange(len(self.photos))
        indices = in_order(together, self.stage.batch, step, self.seed)

        def made(row: int) -> Made:
            return make(indices[row], np.random.default_rng([self.seed, 1, step, row]))

        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            return indices, list(threads.map(made, range(len(indices))))


class Feed(PhotoFeed):
    """Makes the batches of one stage: two views of each photo."""

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0 within the stage."""
        indices, samples = self.samples(step, self._sample)
        first, second, matrices = zip(*samples, strict=True)
        related = self.photos.related(indices, self.stage.related_reach)
        return Batch(
            as_input(first, self.spec),
            as_input(second, self.spec),
            torch.from_numpy(np.stack(matrices)).float(),
            torch.from_numpy(related),
        )

    def _sample(self, index: int, random: Random) -> _Sample:
        stage, size = self.stage, (self.stage.width, self.stage.height)
        photo, partner = self.photos.read(index), self._partner(index, random)
        other = photo if partner == index else self.photos.read(partner)
        first, second = pair_of_views((photo, other), size, stage.views, random)
        matrix = second_T_first(first, second)
        if not self.photos.is_same_position(index, partner):
            matrix = np.full((3, 3), np.nan)
        looks = [changed(each.image, stage.appearance, random) for each in (first, second)]
        return _Sample(looks[0], looks[1], matrix)

    def _partner(self, index: int, random: Random) -> int:
        """The photo that the other view of a place is of, most often the same one."""
        neighbors = self.photos.near(index, self.stage.neighbor_reach)
        if not neighbors or random.random() >= self.stage.neighbor_share:
            return index
        # Rarer than neighbors, and worth more: they tell which pixel is which in another light.
        twins = [each for each in neighbors if self.photos.is_same_position(index, each)]
        chosen = twins if twins and random.random() < _TWINS else neighbors
        return int(random.choice(chosen))


def in_order(together: NDArray[np.intp], batch: int, step: int, seed: int) -> list[int]:
    """Which photos a step sees: every one once before any comes again.

    Those of one group follow each other; ``together`` has the number of each photo's group, [N].
    """
    count = len(together)
    places = range(step * batch, (step + 1) * batch)
    orders = {epoch: _shuffled(together, seed, epoch) for epoch in {p // count for p in places}}
    return [int(orders[place // count][place % count]) for place in places]


def _shuffled(together: NDArray[np.intp], seed: int, epoch: int) -> NDArray[np.intp]:
    """The numbers of all photos in the order of one epoch, [N]."""
    random = np.random.default_rng([seed, 0, epoch])
    order = random.permutation(len(together))
    groups = random.permutation(int(together.max()) + 1)
    return order[np.argsort(groups[together[order]], kind="stable")]


def as_input(images: tuple[ImageArray, ...] | list[ImageArray], spec: ModelSpec) -> Tensor:
    """Images [H, W, 3] of one size as a network's input, [B, 3, H, W]."""
    values = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255.0
    mean, std = (torch.tensor(each).reshape(3, 1, 1) for each in (spec.mean, spec.std))
    return ((values - mean) / std).contiguous()
