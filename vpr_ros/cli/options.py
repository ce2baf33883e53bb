# SPDX-License-Identifier: Apache-2.0
"""Options that several verbs share: where images come from, and every setting of the pipeline."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vpr_ros.config import PipelineConfig, Setting, settings_of, with_settings
from vpr_ros.drives.image_files import DEFAULT_RATE
from vpr_ros.errors import ConfigError

_TRUTHS = {"true": True, "false": False}
_SHORT_FORMS = (
    ("--method", "method", "NAME"),
    ("--weights", "network.weights", "FILE"),
    ("--device", "network.device", "DEVICE"),
)


def add_source(parser: argparse.ArgumentParser, kinds: str) -> None:
    """Add SOURCE, and what tells which images of it are meant."""
    parser.add_argument("source", metavar="SOURCE", type=Path, help=kinds)
    parser.add_argument(
        "--image-topic", default="", metavar="TOPIC", help="images of a bag that has several"
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=DEFAULT_RATE,
        metavar="HZ",
        help="images per second of a folder whose file names are not stamps in nanoseconds "
        "(default: %(default)s)",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add --set, short forms of it, and a list of all settings at the end of the help."""
    for option, name, metavar in _SHORT_FORMS:
        parser.add_argument(
            option,
            dest="settings",
            action="append",
            default=[],
            type=f"{name}={{}}".format,
            metavar=metavar,
            help=f"short for --set {name}={metavar}",
        )
    add_set(parser, "a setting (listed below)")
    parser.epilog = "settings:\n" + "\n".join(settings_table())


def add_set(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --set; ``what`` says what it changes."""
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"change {what}; may be given several times",
    )


def configured(assignments: Sequence[str]) -> PipelineConfig:
    """The default configuration with every ``NAME=VALUE`` applied.

    Raises:
        ConfigError: a name is unknown, or a value is of the wrong type or out of range.
    """
    config = PipelineConfig()
    defaults = {name: value for name, value, _ in settings_of(config)}
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment}: write NAME=VALUE")
        values[name] = _parsed(name, text, defaults.get(name, ""))
    return with_settings(config, values)


def settings_table() -> list[str]:
    """One line for every setting: name, default, range and description."""
    rows = [(name, *_facts(value, each)) for name, value, each in settings_of(PipelineConfig())]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"  {name:{widths[0]}}  {default:{widths[1]}}  {text}" for name, default, text in rows]


def _facts(value: Any, setting: Setting) -> tuple[str, str]:
    limits = f" ({setting.limits})" if setting.limits else ""
    return str(value), setting.description + limits


def _parsed(name: str, text: str, default: Any) -> Any:
    """The text as a value of the setting's type; unknown names are refused later, by name."""
    kind = type(default)
    try:
        return _TRUTHS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise ConfigError(f"{name} = {text!r}: must be of type {kind.__name__}") from None
