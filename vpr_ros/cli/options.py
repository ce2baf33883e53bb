# SPDX-License-Identifier: Apache-2.0
"""Options of verbs: where images come from, every setting of the pipeline, and other pipelines."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vpr_ros.config import PipelineConfig, settings_of, with_settings
from vpr_ros.drives.image_files import DEFAULT_RATE
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.runner import Variant

_TRUTHS = {"true": True, "false": False}
_SHORT_FORMS = (
    ("--method", "method", "NAME"),
    ("--weights", "network.weights", "FILE"),
    ("--device", "network.device", "DEVICE"),
)
COMPARE_HELP = (
    "another pipeline beside the one of --method and --set, from which it differs by these "
    "settings; the last part of a setting's name will do where no other ends so: "
    "'fifty: candidates=50'; may be given several times"
)


def add_option(
    parser: argparse._ActionsContainer,
    name: str,
    metavar: str,
    text: str,
    default: Any = None,
    **others: Any,
) -> None:
    """Add an option with a value of its default's type; without a default, it is a path.

    The help tells numbers that are the default.
    """
    if isinstance(default, float):
        text += " (default: %(default)g)"
    elif isinstance(default, int):
        text += " (default: %(default)s)"
    kind = Path if default is None else type(default)
    parser.add_argument(name, default=default, type=kind, metavar=metavar, help=text, **others)


def add_output(parser: argparse.ArgumentParser, metavar: str, text: str | None = None) -> None:
    """Add -o, which must be given."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar=metavar, help=text)


def add_source(parser: argparse.ArgumentParser, kinds: str) -> None:
    """Add SOURCE, and what tells which images of it are meant."""
    parser.add_argument("source", metavar="SOURCE", type=Path, help=kinds)
    add_option(parser, "--image-topic", "TOPIC", "images of a bag that has several", "")
    text = "images per second of a folder whose file names are not stamps in nanoseconds"
    add_option(parser, "--rate", "HZ", text, DEFAULT_RATE)


def add_list(
    parser: argparse._ActionsContainer, name: str, dest: str, metavar: str, text: str, **others: Any
) -> None:
    """Add an option that may be given several times."""
    parser.add_argument(
        name, dest=dest, action="append", default=[], metavar=metavar, help=text, **others
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add --set, short forms of it, and a list of all settings at the end of the help."""
    for option, name, metavar in _SHORT_FORMS:
        text = f"short for --set {name}={metavar}"
        add_list(parser, option, "settings", metavar, text, type=f"{name}={{}}".format)
    add_set(parser, "a setting (listed below)")
    parser.epilog = "settings:\n" + "\n".join(settings_table())


def add_set(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --set; ``what`` says what it changes."""
    text = f"change {what}; may be given several times"
    add_list(parser, "--set", "settings", "NAME=VALUE", text)


def configured(assignments: Sequence[str]) -> PipelineConfig:
    """The default configuration with every ``NAME=VALUE`` applied; ConfigError if one is wrong."""
    config = PipelineConfig()
    defaults = {name: value for name, value, _ in settings_of(config)}
    texts = assigned(assignments).items()
    values = {name: _parsed(name, text, defaults.get(name, "")) for name, text in texts}
    return with_settings(config, values)


def assigned(assignments: Sequence[str], option: str = "--set") -> dict[str, str]:
    """Names and values of an option's ``NAME=VALUE``; ConfigError if one is none."""
    pairs = [assignment.partition("=") for assignment in assignments]
    for name, equals, _ in pairs:
        if not equals:
            raise ConfigError(f"{option} {name}: write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def settings_table() -> list[str]:
    """One line for every setting: name, default, range and description."""
    rows = [
        (name, str(value), each.description + (f" ({each.limits})" if each.limits else ""))
        for name, value, each in settings_of(PipelineConfig())
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"  {name:{widths[0]}}  {default:{widths[1]}}  {text}" for name, default, text in rows]


def _parsed(name: str, text: str, default: Any) -> Any:
    """The text as a value of the setting's type; unknown names are refused later, by name."""
    kind = type(default)
    try:
        return _TRUTHS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise ConfigError(f"{name} = {text!r}: must be of type {kind.__name__}") from None


def variants_of(assignments: Sequence[str], compared: Sequence[str]) -> list[Variant]:
    """The pipeline of the common settings, and those that differ from it.

    Args:
        assignments: ``NAME=VALUE``, for all of them.
        compared: ``NAME: SETTING=VALUE ...``, one for each of the others.

    Raises:
        ConfigError: a setting is unknown, ambiguous or impossible, or a name is used twice.
    """
    base = configured(assignments)
    found = [Variant(base.method, base)]
    for argument in compared:
        name, colon, rest = argument.partition(":")
        if not colon or not name.strip() or not rest.strip():
            raise ConfigError(f"--compare {argument!r}: write 'NAME: SETTING=VALUE ...'")
        try:
            own = [_full(each) for each in shlex.split(rest)]
        except ValueError as error:
            raise ConfigError(f"--compare {argument!r}: {error}") from error
        found.append(Variant(name.strip(), configured([*assignments, *own])))
    names = [variant.name for variant in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"--compare {twice!r}: this name is used twice")
    return found


def _full(assignment: str) -> str:
    """``NAME=VALUE`` with the whole name of a setting that is named by its last part."""
    short, equals, value = assignment.partition("=")
    names = [name for name, _, _ in settings_of(PipelineConfig())]
    found = [name for name in names if name.endswith(f".{short}")]
    if short in names or not equals or not found:
        return assignment
    if len(found) > 1:
        raise ConfigError(f"{short} may be {' or '.join(found)}: write the whole name")
    return f"{found[0]}={value}"
