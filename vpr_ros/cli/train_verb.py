# SPDX-License-Identifier: Apache-2.0
"""Verb ``train``: a network by a recipe, on a workstation."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from vpr_ros.cli.terminal import say
from vpr_ros.cli.train_places import BAG_OPTIONS, read_places
from vpr_ros.errors import BackendError, ConfigError
from vpr_ros.evaluation.protocols import PROTOCOLS

SUMMARY = "train a network by a recipe; killed runs go on with --resume"

_MAX_SIDE = 320  # pixels of photos kept in memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="config/train/*.yaml")
    parser.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="photos without labels, for such recipes"
    )
    for option, what in (("--places", "train with"), ("--validation", "validate by")):
        parser.add_argument(
            option,
            metavar="'SOURCE OPTION=VALUE ...'",
            help=f"images with known places to {what}, for such recipes",
        )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="what a new run begins with: weights of the method (*.pth, *.safetensors), or for "
        "R2Former a DeiT of ImageNet (default: random weights)",
    )
    parser.epilog = (
        "sources of images with known places: a data set, PROTOCOL=FOLDER with the options that "
        "'vpr evaluate --help' lists, such as 'msls=/data/msls split=train'; or a robot's own "
        f"recordings with poses, bag=FILE with {', '.join(BAG_OPTIONS)}: queries are those of the "
        "other recording, or the images themselves. protocols: " + ", ".join(PROTOCOLS)
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="of the run's files"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: one per core")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument(
        "--checkpoint-every",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="what a killed run loses at most (default: %(default)g)",
    )


def run(args: argparse.Namespace) -> int:
    """Train.

    Raises:
        ConfigError: the recipe cannot be followed.
        DatasetError: there are no photos, or not those that the recipe names.
        TrainingError: the run cannot begin, be continued or go on.
        WeightsError: the weights to begin with cannot be read, or do not fit.
        BackendError: PyTorch is not installed.
    """
    try:
        from vpr_ros.training.data import TrainingData
        from vpr_ros.training.loop import Run, RunOptions
        from vpr_ros.training.photos import read_photos
        from vpr_ros.training.recipe import read_recipe
    except ImportError as error:
        raise BackendError(
            f"training needs {error.name}: pip install -r requirements/train.txt"
        ) from error
    recipe = read_recipe(args.recipe)
    photos = None
    if args.photos:
        photos = read_photos(args.photos, recipe.drives, recipe.validation, _MAX_SIDE)
        say(f"{len(photos[0])} photos to train with, {len(photos[1])} to validate by")
    data = TrainingData(photos, *(read_places(each) for each in (args.places, args.validation)))
    if args.resume and args.weights:
        raise ConfigError("--weights is for a new run: --resume goes on with its own")
    options = RunOptions(args.output, args.resume, args.checkpoint_every, args.threads, args.device)
    training = Run(recipe, data, options, say, args.weights)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: training.stop())
    try:
        training.go()
    except KeyboardInterrupt:
        say(f"stopped; --resume goes on with {args.output}")
        raise
    say(f"wrote {args.output / 'weights.pth'}")
    return 0
