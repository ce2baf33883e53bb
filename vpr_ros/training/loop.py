# SPDX-License-Identifier: Apache-2.0
"""The one training loop: stages, steps, checkpoints, log."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from vpr_ros.errors import TrainingError
from vpr_ros.models import network_of
from vpr_ros.training.devices import take_place
from vpr_ros.training.material import AnyFeed, TrainingData
from vpr_ros.training.recipe import OPTIMIZERS, SCHEDULES, Recipe, Stage
from vpr_ros.training.run_files import (
    CHECKPOINT,
    Checkpoint,
    Figures,
    Journal,
    check_recipe,
    load_checkpoint,
    save_checkpoint,
    write_weights,
)
from vpr_ros.training.tasks import TASKS, task_of
from vpr_ros.training.trainee import Trainee, start

Tell = Callable[[str], None]
Watch = Callable[[str, int], None]

# After the last validation, and after the best one of the stage.
WEIGHTS, BEST = "weights.pth", "best.pth"
SCORES = ("reranked", "places", "drives", "views", "top1")  # the first that there is, counts
_WORST = -1.0
_TOLD = 20  # steps from one line of progress to the next


@dataclass(frozen=True)
class RunOptions:
    """What does not change the result of a run."""

    folder: Path  # where its files are
    resume: bool = False  # go on from the checkpoint there
    checkpoint_s: float = 300.0  # seconds between checkpoints: what a killed run loses at most
    threads: int = 0  # of the CPU; 0: one for each core
    device: str = "cpu"  # ``cpu`` or ``cuda``
    # Is told the stage and the number of every step to be taken; what it raises ends the run there.
    before_step: Watch = lambda stage, step: None


class Run:
    """One training run; ``go`` is all of it."""

    def __init__(
        self,
        recipe: Recipe,  # what to do
        data: TrainingData,  # to train with, and to validate by
        options: RunOptions,  # where and how
        tell: Tell,  # is told progress, line by line
        weights: Path | None = None,  # what a new run begins with; None: random ones
    ) -> None:
        """Begin a run, or take up what an earlier process left.

        Raises:
            TrainingError: the folder holds a run already, or none to go on with; a stage needs
                data that are not given; or the device is not there.
            ConfigError: the recipe names an unknown method.
            WeightsError: the weights cannot be read, or do not fit.
        """
        self._recipe, self._options, self._tell = recipe, options, tell
        self._data = data
        _check_stages(recipe, data)
        self._feed: AnyFeed | None = None
        if options.threads:
            torch.set_num_threads(options.threads)
        torch.manual_seed(recipe.seed)
        self._place = take_place(options.device)
        self.trainee = Trainee(recipe.network).to(self._place.device)
        self._stage, self._step, self._best, self._stalled = 0, 0, _WORST, 0
        self._optimizer: torch.optim.Optimizer | None = None
        self._left: Checkpoint | None = None
        self._saved_at, self._is_stopping = time.monotonic(), False
        if options.resume:
            self._take_up(load_checkpoint(options.folder))
        else:
            self._begin()
            if weights is not None:
                tell(start(self.trainee, weights))

    def go(self) -> None:
        """Run all stages to their ends.

        Raises:
            TrainingError: a loss is not finite, or a file cannot be written.
            ImageError: a photo is missing or damaged.
            KeyboardInterrupt: somebody called ``stop``, and a checkpoint was written.
        """
        journal = Journal(self._options.folder)
        try:
            while self._stage < len(self._recipe.stages):
                self._run_stage(self._recipe.stages[self._stage], journal)
                self._stage, self._step, self._best, self._stalled = self._stage + 1, 0, _WORST, 0
                self._optimizer = self._feed = None
                self.save()
        finally:
            journal.close()
        self._place.leave()

    def stop(self) -> None:
        """End after this step: in the middle of one, weights and optimizer may not fit."""
        self._is_stopping = True

    def save(self) -> None:
        """Write a checkpoint now."""
        self._saved_at = time.monotonic()
        if not self._place.is_first:
            return
        optimizer = self._optimizer.state_dict() if self._optimizer else None
        made = Checkpoint(
            asdict(self._recipe),
            self._stage,
            self._step,
            self.trainee.state(),
            optimizer,
            torch.get_rng_state(),
            self._best,
            self._feed.state() if self._feed else {},
            self._stalled,
        )
        save_checkpoint(made, self._options.folder)

    def _begin(self) -> None:
        folder = self._options.folder
        if (folder / CHECKPOINT).exists():
            raise TrainingError(f"{folder} holds a run already: --resume goes on with it")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{folder}: {error.strerror}") from error

    def _take_up(self, left: Checkpoint) -> None:
        check_recipe(left, self._recipe)
        self._stage, self._step, self._left = left.stage, left.step, left
        self._best, self._stalled = left.best, left.stalled
        self.trainee.load_state(left.weights)
        torch.set_rng_state(left.random)

    def _run_stage(self, stage: Stage, journal: Journal) -> None:
        teaches = stage.teaches or task_of(stage).teaches
        self._feed = self._fed(stage)
        self._optimizer = self._prepared(stage, teaches)
        self._left = None  # all of it is taken up
        begin, first = time.monotonic(), self._step
        # What has not got better for so long learns nothing any more.
        while self._step < stage.steps and not 0 < stage.patience <= self._stalled:
            self._options.before_step(stage.name, self._step)
            figures = self._one_step(stage, bool(teaches))
            self._step += 1
            if self._step % _TOLD == 0 or self._step == stage.steps:
                pace = (time.monotonic() - begin) / (self._step - first)
                self._report(stage, journal, {**figures, "seconds": pace})
            every = self._recipe.validate_every or stage.epoch
            if self._step % every == 0 or self._step == stage.steps:
                self._validate(stage, journal)
            age = time.monotonic() - self._saved_at
            if self._is_stopping or age >= self._options.checkpoint_s:
                self.save()
            if self._is_stopping:
                raise KeyboardInterrupt

    def _prepared(self, stage: Stage, teaches: tuple[str, ...]) -> torch.optim.Optimizer:
        """The optimizer of a stage, as new or as an earlier process left it."""
        self.trainee.teach(teaches)
        learning = self.trainee.learning()
        if not learning:
            raise TrainingError(f"stage {stage.name}: nothing is called {', '.join(teaches)}")
        make = OPTIMIZERS[stage.optimizer]
        optimizer = make(learning, lr=stage.learning_rate, weight_decay=stage.weight_decay)
        if self._left is not None and self._left.optimizer is not None:
            optimizer.load_state_dict(self._left.optimizer)
        return optimizer

    def _fed(self, stage: Stage) -> AnyFeed:
        """The data of a stage, with what an earlier process had mined."""
        seed = self._recipe.seed + self._stage
        feed = task_of(stage).material.feed(self._data, stage, self.trainee, seed)
        if self._left is not None and self._left.step > 0:
            feed.restore(self._left.mining)
        return feed

    def _one_step(self, stage: Stage, frozen: bool) -> Figures:
        assert self._feed is not None  # a stage has begun
        optimizer = self._optimizer
        assert optimizer is not None
        number = self._step * self._place.world + self._place.rank
        batch = self._place.moved(self._feed.batch(number))
        self._set_rate(optimizer, stage)
        self.trainee.train()
        self.trainee.extractor.train(not frozen)
        with torch.autocast(
            self._place.device.type, torch.bfloat16, enabled=stage.precision == "bf16"
        ):
            loss, figures = task_of(stage).loss(self.trainee, batch, stage)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"stage {stage.name}, step {self._step}: the loss is {value}: lower "
                "learning_rate or set clip, and --resume from the last checkpoint"
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._place.average_gradients(self.trainee.parameters())
        if stage.clip:
            nn.utils.clip_grad_norm_(self.trainee.parameters(), stage.clip)
        optimizer.step()
        return {"loss": value, **figures}

    def _set_rate(self, optimizer: torch.optim.Optimizer, stage: Stage) -> None:
        steps = (self._step, stage.steps, stage.warmup)
        done, total, warmup = (each / stage.epoch for each in steps)
        factor = SCHEDULES[stage.schedule](done, total, warmup)
        for group in optimizer.param_groups:
            group["lr"] = stage.learning_rate * factor

    def _report(self, stage: Stage, journal: Journal, figures: Figures) -> None:
        if not self._place.is_first:
            return
        journal.write("train", stage.name, self._step, figures)
        hours = figures["seconds"] * (stage.steps - self._step) / 3600
        shown = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
        self._tell(f"{stage.name} {self._step}/{stage.steps}  {shown}  {hours:.1f} h left")

    def _validate(self, stage: Stage, journal: Journal) -> None:
        self._place.as_first(self.trainee.state_dict().values())
        if self._place.is_first:
            self._judge(stage, journal)
        self._stalled = self._place.told_by_first(self._stalled)

    def _judge(self, stage: Stage, journal: Journal) -> None:
        figures = task_of(stage).material.judge(self._data, stage, self.trainee)
        journal.write("validation", stage.name, self._step, figures)
        shown = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
        self._tell(f"{stage.name} {self._step}/{stage.steps}  recall@1 {shown or 'of nothing'}")
        write_weights(self.trainee, self._options.folder / WEIGHTS)
        score = next((figures[name] for name in SCORES if name in figures), 0.0)
        self._stalled = 0 if score > self._best else self._stalled + 1
        if score >= self._best:
            self._best = score
            write_weights(self.trainee, self._options.folder / BEST)


def _check_stages(recipe: Recipe, data: TrainingData) -> None:
    """Raise TrainingError for the first stage that cannot be: its data are not given, or its task.

    Raises:
        ConfigError: a task or the method is unknown.
    """
    has_reranker = bool(network_of(recipe.network).reranker)
    possible = [name for name, task in TASKS.items() if has_reranker or not task.needs_reranker]
    for stage in recipe.stages:
        is_photos = task_of(stage).material.is_photos
        if (data.photos if is_photos else data.places) is None:
            option = "--photos" if is_photos else "--places"
            raise TrainingError(f"stage {stage.name}, task {stage.task}: give {option}")
        if stage.task not in possible:
            raise TrainingError(
                f"stage {stage.name}: {recipe.method} has no reranker, only {', '.join(possible)} "
                f"can teach it, not {stage.task}"
            )
