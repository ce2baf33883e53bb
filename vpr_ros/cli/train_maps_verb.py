# SPDX-License-Identifier: Apache-2.0
"""Verb ``train-maps``: SUP-VPR's map stage, taught by the maps themselves."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from vpr_ros.cli.options import add_output, add_settings, configured
from vpr_ros.cli.terminal import say
from vpr_ros.errors import BackendError, ConfigError
from vpr_ros.pipeline import build
from vpr_ros.place_map import maps_in

SUMMARY = "teach which of several maps an image is from (map_stage)"

_SUFFIX = ".npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of maps (*.vprmap)")
    add_output(parser, "FILE", "*.npz")
    for name, kind, default, what in (
        ("blocks", int, 2, "of attention; 12 in the paper"),
        ("heads", int, 8, "of each block"),
        ("steps", int, 1000, "of the optimizer"),
        ("learning-rate", float, 1e-4, "of Adam"),
        ("near", float, 5.0, "meters within which two keyframes show one place"),
    ):
        text = f"{what} (default: %(default)s)"
        parser.add_argument(f"--{name}", type=kind, default=default, help=text)
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Train."""
    try:
        from vpr_ros.training.papers import map_stage
    except ImportError as error:
        raise BackendError(
            f"training needs {error.name}: pip install -r requirements/train.txt"
        ) from error
    if args.output.suffix != _SUFFIX:
        raise ConfigError(f"{args.output}: name it *{_SUFFIX}")
    line = build(configured(args.settings))
    settings = ("blocks", "heads", "steps", "learning_rate", "near")
    recipe = map_stage.MapStageRecipe(**{name: getattr(args, name) for name in settings})
    with ExitStack() as opened:
        maps = [opened.enter_context(line.open_map(path)) for path in maps_in(args.folder)]
        stage = map_stage.train_map_stage(maps, recipe, say)
    map_stage.write_map_stage(args.output, stage, recipe, line.extractor.spec.space)
    say(f"wrote {args.output}")
    return 0
