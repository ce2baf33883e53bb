# SPDX-License-Identifier: Apache-2.0
"""Pipelines to hold side by side, each said in one argument: ``NAME: SETTING=VALUE ...``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from vpr_ros.cli.options import configured
from vpr_ros.config import PipelineConfig, settings_of
from vpr_ros.errors import ConfigError
from vpr_ros.evaluation.runner import Variant

HELP = (
    "another pipeline beside the one of --method and --set, from which it differs by these "
    "settings; the last part of a setting's name will do where no other ends so: "
    "'fifty: candidates=50'; may be given several times"
)


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
        own = [_full(each) for each in _words(argument, rest)]
        found.append(Variant(name.strip(), configured([*assignments, *own])))
    names = [variant.name for variant in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"--compare {twice!r}: this name is used twice")
    return found


def _words(argument: str, rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError as error:
        raise ConfigError(f"--compare {argument!r}: {error}") from error


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
