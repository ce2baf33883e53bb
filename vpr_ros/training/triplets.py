# SPDX-License-Identifier: Apache-2.0
"""What a step of training sees of known places: queries, positives and negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vpr_ros.datatypes import FloatArray
from vpr_ros.evaluation.retrieval_set import ImageSource, Indices
from vpr_ros.extractors.network import prepared
from vpr_ros.training.appearance import changed
from vpr_ros.training.mining import Miner, hardest_negatives
from vpr_ros.training.papers.labels import LabeledSet
from vpr_ros.training.recipe import Stage
from vpr_ros.training.trainee import Trainee


class Triplets(NamedTuple):
    """B queries with k negatives each."""

    queries: Tensor  # [B, 3, H, W] normalized
    positives: Tensor  # [B, 3, H, W]
    negatives: Tensor  # [k, B, 3, H, W]


class TripletFeed:
    """Makes the batches of one stage, in rounds: each begins with mining.

    A round takes ``stage.refresh`` queries, or all if there are fewer; its last batch is left out
    if it is not full.
    """

    def __init__(self, data: LabeledSet, stage: Stage, trainee: Trainee, seed: int) -> None:
        self._data, self._stage, self._trainee, self._seed = data, stage, trainee, seed
        self._spec = replace(trainee.spec, input_height=stage.height, input_width=stage.width)
        self._taken = min(stage.refresh, len(data.indices))
        self._batches = max(1, self._taken // stage.batch)
        self._round = -1
        self._rows: Indices = np.zeros((0, 2 + stage.negatives), np.int64)
        self._miner: Miner | None = None

    def batch(self, step: int) -> Triplets:
        """The batch of a step, counted from 0 within the stage."""
        number, place = divmod(step, self._batches)
        if number != self._round:
            self._begin_round(number)
        rows = self._rows[place * self._stage.batch :][: self._stage.batch]
        random = np.random.default_rng([self._seed, 3, step])
        images = [self._images(self._data.queries, rows[:, 0], random)]
        images += [self._images(self._data.database, column, random) for column in rows[:, 1:].T]
        return Triplets(images[0], images[1], torch.stack(images[2:]))

    def state(self) -> dict[str, Any]:
        """What mining remembers, for a checkpoint."""
        miner = self._miner
        table = None if miner is None or miner.table is None else torch.from_numpy(miner.table)
        return {
            "round": self._round,
            "rows": torch.from_numpy(self._rows),
            "table": table,
            "remembered": dict(miner.remembered) if miner else {},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The reverse of ``state``; an empty one changes nothing."""
        if not state:
            return
        self._round, self._rows = state["round"], state["rows"].numpy()
        table = None if state["table"] is None else state["table"].numpy()
        self._miner = self._made(table)
        self._miner.remembered = dict(state["remembered"])

    def _begin_round(self, number: int) -> None:
        describe = partial(describe_images, self._trainee, self._stage)
        asked, known = (
            partial(describe, each) for each in (self._data.queries, self._data.database)
        )
        if self._miner is None:
            is_offline = self._stage.mining == "global"
            table = hardest_negatives(self._data, asked, known) if is_offline else None
            self._miner = self._made(table)
        random = np.random.default_rng([self._seed, 2, number])
        queries = random.choice(self._data.indices, self._taken, replace=False)
        mined = self._miner.round(queries, asked, known, random)
        self._rows = np.concatenate([queries[:, None], mined], axis=1)
        self._round = number

    def _made(self, table: Indices | None) -> Miner:
        stage = self._stage
        return Miner(self._data, stage.mining, stage.negatives, stage.hardness, table, stage.margin)

    def _images(self, source: ImageSource, indices: Indices, random: np.random.Generator) -> Tensor:
        # As R2Former's training images: averaged while they shrink, unlike those it is tested on.
        images = [source.read(int(each)) for each in indices]
        if self._stage.augment:
            images = [changed(each, self._stage.appearance, random) for each in images]
        values = [prepared(each, self._spec, antialias=True) for each in images]
        return torch.from_numpy(np.concatenate(values))


def describe_images(
    trainee: Trainee, stage: Stage, source: ImageSource, indices: Sequence[int] | Indices
) -> FloatArray:
    """Global descriptors of images by a network in training, as robots would get them, [n, D].

    Raises:
        ImageError: an image is missing or damaged.
    """
    antialias = bool(trainee.spec.settings.get("antialias"))
    with trainee.at_rest():
        images = trainee.inputs(source.read, indices, stage, antialias)
        return np.concatenate([trainee.describe(each).float().cpu().numpy() for each in images])
