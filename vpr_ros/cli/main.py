# SPDX-License-Identifier: Apache-2.0
"""The entry of the command line: picks the verb, and turns errors into one line and a code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from vpr_ros.cli import (
    evaluate_verb,
    export_verb,
    inspect_verb,
    localize_verb,
    map_verb,
    train_maps_verb,
    train_verb,
    weights_verb,
)
from vpr_ros.cli.terminal import complain, log_told
from vpr_ros.errors import VprError

# The ``run`` of each does its work and gives the exit code, or raises VprError or OSError.
VERBS = {
    "map": map_verb,
    "localize": localize_verb,
    "evaluate": evaluate_verb,
    "inspect": inspect_verb,
    "weights": weights_verb,
    "export": export_verb,
    "train": train_verb,
    "train-maps": train_maps_verb,
}

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb with the arguments after the program's name; gives the exit code."""
    args = build_parser().parse_args(argv)
    try:
        with log_told():
            code: int = args.run(args)
        sys.stdout.flush()  # a closed pipe should be noticed here, not while Python shuts down
        return code
    except (VprError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            return _silenced()
        complain(f"error: {error}")
        return EXIT_ERROR
    except KeyboardInterrupt:
        complain("interrupted")
        return EXIT_INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="vpr", description="Visual place recognition: build maps, and find yourself in them."
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, verb in VERBS.items():
        sub = verbs.add_parser(
            name,
            help=verb.SUMMARY,
            description=f"{verb.SUMMARY[0].upper()}{verb.SUMMARY[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(sub)
        sub.set_defaults(run=verb.run)
    return parser


def _silenced() -> int:
    """Nobody reads on (``| head``): say nothing more, not even while Python shuts down."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_BROKEN_PIPE
