# SPDX-License-Identifier: Apache-2.0
"""Verb ``train``: a network by a recipe, on a workstation."""

from __future__ import annotations

import argparse
import shlex
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from vpr_ros.cli.options import add_option, add_output
from vpr_ros.cli.terminal import say
from vpr_ros.errors import BackendError, ConfigError
from vpr_ros.evaluation.protocols import PROTOCOLS, read_set
from vpr_ros.evaluation.protocols.bag_set import BagOptions, read_bag_set
from vpr_ros.evaluation.retrieval_set import RetrievalSet

SUMMARY = "train a network by a recipe; killed runs go on with --resume"

_MAX_SIDE = 320  # pixels of photos kept in memory
_BAG = "bag"
_BAG_OPTIONS = ("query", "image_topic", "truth", "query_truth", "interval")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="config/train/*.yaml")
    add_option(parser, "--photos", "FOLDER", "photos without labels, for such recipes")
    for option, what in (("--places", "train with"), ("--validation", "validate by")):
        text = f"images with known places to {what}, for such recipes"
        parser.add_argument(option, metavar="'SOURCE OPTION=VALUE ...'", help=text)
    text = (
        "what a new run begins with: weights of the method (*.pth, *.safetensors), or for "
        "R2Former a DeiT of ImageNet (default: random weights)"
    )
    add_option(parser, "--weights", "FILE", text)
    parser.epilog = (
        "sources of images with known places: a data set, PROTOCOL=FOLDER with the options that "
        "'vpr evaluate --help' lists, such as 'msls=/data/msls split=train'; or a robot's own "
        f"recordings with poses, bag=FILE with {', '.join(_BAG_OPTIONS)}: queries are those of the "
        "other recording, or the images themselves. protocols: " + ", ".join(PROTOCOLS)
    )
    add_output(parser, "DIR", "of the run's files")
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: one per core")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    add_option(parser, "--checkpoint-every", "SECONDS", "what a killed run loses at most", 300.0)


def run(args: argparse.Namespace) -> int:
    """Train."""
    try:
        from vpr_ros.training.loop import Run, RunOptions
        from vpr_ros.training.material import TrainingData
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


def read_places(text: str | None) -> RetrievalSet | None:
    """The images that ``PROTOCOL=FOLDER`` or ``bag=FILE``, then ``OPTION=VALUE ...`` name, if any.

    Raises:
        ConfigError: it is said another way.
        DatasetError: the images are not there, or not as the protocol has them.
    """
    if text is None:
        return None
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from error
    if not pairs or not all(equals and value for _, equals, value in pairs):
        raise ConfigError(f"{text!r}: write PROTOCOL=FOLDER or bag=FILE, then OPTION=VALUE")
    (source, _, path), options = pairs[0], {name: value for name, _, value in pairs[1:]}
    if source != _BAG:
        return read_set(source, Path(path), **options)
    unknown = sorted(set(options) - set(_BAG_OPTIONS))
    if unknown:
        raise ConfigError(f"{text}: no option {unknown[0]}; known: {', '.join(_BAG_OPTIONS)}")
    return _of_bags(Path(path), options)


def _of_bags(path: Path, options: Mapping[str, str]) -> RetrievalSet:
    settings = BagOptions(
        options.get("image_topic", ""),
        options.get("truth", ""),
        options.get("query_truth", ""),
        min_interval=_seconds(options.get("interval", "0")),
    )
    if "query" in options:
        return read_bag_set(path, Path(options["query"]), settings)
    # One drive: every image is looked for among all others, not only where it comes back.
    drive = read_bag_set(path, path, settings)
    return replace(drive, queries=drive.database, query_poses=drive.database_poses)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"interval={text}: write seconds") from None
