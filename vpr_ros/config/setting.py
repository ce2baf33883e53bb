# SPDX-License-Identifier: Apache-2.0
"""What is known of a setting besides its value, and what may become of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from vpr_ros.config.renamed import RENAMED_SETTINGS
from vpr_ros.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """What is known of one setting besides its value."""

    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False  # whether a node that runs takes a change over
    # Values that are no longer chosen, and how that is said now.
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def limits(self) -> str:
        """What values it may have, in words; empty where any will do."""
        if self.choices:
            return ", ".join(self.choices)
        low, high = self.minimum, self.maximum
        if low is None and high is None:
            return ""
        if high is None:
            return f"at least {low:g}"
        return f"at most {high:g}" if low is None else f"{low:g} to {high:g}"


def setting(
    default: T, description: str, within: tuple[float, float] | None = None, **others: Any
) -> T:
    """A dataclass field that knows its description and its range: both ends, or a ``minimum``."""
    if within is not None:
        others["minimum"], others["maximum"] = within
    made: T = field(default=default, metadata={"setting": Setting(description, **others)})
    return made


def settings_of(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Setting]]:
    """(dotted name, value, description and range) of every setting below a section."""
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from settings_of(value, f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, value, item.metadata["setting"]


def check(name: str, value: Any, setting: Setting) -> None:
    """Raise ConfigError, naming setting, value and range, if the value cannot work."""
    for chosen in value if isinstance(value, tuple) else (value,):
        if chosen in setting.renamed:
            raise ConfigError(f"{name} = {chosen!r}: now it is {setting.renamed[chosen]}")
        if setting.choices and chosen not in setting.choices:
            raise ConfigError(f"{name} = {chosen!r}: choose one of {', '.join(setting.choices)}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low = -math.inf if setting.minimum is None else setting.minimum
        high = math.inf if setting.maximum is None else setting.maximum
        if not low <= value <= high or not math.isfinite(value):
            raise ConfigError(f"{name} = {value}: must be between {low} and {high}")


def check_all(config: Any) -> None:
    """Raise ConfigError for the first setting of a section whose value cannot work."""
    for name, value, known in settings_of(config):
        check(name, value, known)


def with_settings(config: T, values: Mapping[str, Any]) -> T:
    """A copy of a section with the given dotted names changed.

    Raises:
        ConfigError: a name is unknown, or a value is of the wrong type or out of range.
    """
    known = {name: (value, setting) for name, value, setting in settings_of(config)}
    for name, value in values.items():
        if name in RENAMED_SETTINGS and name not in known:
            raise ConfigError(f"{name}: now it is {RENAMED_SETTINGS[name]}")
        if name not in known:
            raise ConfigError(f"no setting {name!r}; known: {', '.join(sorted(known))}")
        default, setting = known[name]
        if not _fits(value, default):
            expected = type(default).__name__
            raise ConfigError(f"{name} = {value!r}: must be of type {expected}")
        check(name, value, setting)
    changed: T = _replaced(config, values, "")
    return changed


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return type(value) is type(default)


def _replaced(config: Any, values: Mapping[str, Any], prefix: str) -> Any:
    changes: dict[str, Any] = {}
    for item in fields(config):
        name, value = prefix + item.name, getattr(config, item.name)
        if is_dataclass(value):
            changes[item.name] = _replaced(value, values, name + ".")
        elif name in values:
            changes[item.name] = type(value)(values[name])
    return dataclasses.replace(config, **changes)
