# SPDX-License-Identifier: Apache-2.0
"""ROS parameters straight from ``vpr_ros.config``: nothing is declared twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from vpr_ros.config import NodeConfig, Setting, settings_of, with_settings
from vpr_ros.config.renamed import RENAMED_SETTINGS
from vpr_ros.errors import ConfigError

C = TypeVar("C", bound=NodeConfig)

# ROS ranges are closed and finite; where a setting has no upper bound, these stand for it.
_LARGEST = 1e12
_LARGEST_INT = 2**31 - 1


# Parameters that rclpy itself declares; qos_overrides and more are declared where they are used.
_OF_RCLPY = ("use_sim_time", "start_type_description_service")


def declare_parameters(node: Node, defaults: NodeConfig) -> str:
    """Declare every setting as a typed, ranged and described parameter.

    What a node that declares its overrides was started with is declared anew, or forgotten where
    it is no setting: to misspell a parameter is easy, and ROS says nothing of it.

    Returns:
        What to say of parameters that the node was started with and that are no settings; empty
        where there are none.

    Raises:
        ConfigError: the node was started with a value of another type or out of range.
    """
    given = [name for name in node.get_parameters_by_prefix("") if name not in _OF_RCLPY]
    for name in given:
        node.undeclare_parameter(name)
    _declare(node, defaults)
    known = [name for name, _, _ in settings_of(defaults)]
    return _unknown([name for name in given if name not in known], known)


def _unknown(names: Iterable[str], known: Sequence[str]) -> str:
    told = [f"{name}{_meant(name, known)}" for name in names]
    return f"no such parameter, and of no effect: {', '.join(told)}" if told else ""


def _meant(name: str, known: Sequence[str]) -> str:
    """What was probably meant: a setting of another section, or one that is spelt alike."""
    if name in RENAMED_SETTINGS:
        return f" (now: {RENAMED_SETTINGS[name]})"
    leaf = name.rpartition(".")[2]
    elsewhere = [one for one in known if one.rpartition(".")[2] == leaf]
    likely = elsewhere if len(elsewhere) == 1 else get_close_matches(name, known, 1)
    likely = likely or _alike_without_section(leaf, known)
    return f" (is {likely[0]} meant?)" if likely else ""


def _alike_without_section(leaf: str, known: Sequence[str]) -> list[str]:
    leaves = {one.rpartition(".")[2]: one for one in known}
    return [leaves[one] for one in get_close_matches(leaf, leaves, 1)]


def _declare(node: Node, defaults: NodeConfig) -> None:
    for name, value, setting in settings_of(defaults):
        try:
            if isinstance(value, tuple):
                _declare_list(node, name, value, _descriptor(value, setting))
            else:
                node.declare_parameter(name, value, _descriptor(value, setting))
        except ParameterException as error:
            raise ConfigError(f"parameter {name}: {error}") from error


def read_parameters(node: Node, defaults: C) -> C:
    """The configuration that the node's parameters now say.

    Raises:
        ConfigError: a value is out of range.
    """
    values = {name: node.get_parameter(name).value for name, _, _ in settings_of(defaults)}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return with_settings(defaults, {**values, **lists})


def changed_parameters(config: C, parameters: Sequence[Parameter], running: bool) -> C:
    """The configuration after a change of parameters; those that are no settings are left alone.

    Args:
        config: the configuration so far.
        parameters: the changes.
        running: whether a model and a map are open, made for the configuration so far.

    Raises:
        ConfigError: a value cannot work, or cannot change while the node runs.
    """
    known = {name: setting for name, _, setting in settings_of(config)}
    values = {each.name: each.value for each in parameters if each.name in known}
    for name in values:
        if running and not known[name].live:
            raise ConfigError(f"{name} is read when the node is configured: clean it up first")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return with_settings(config, {**values, **lists})


def _declare_list(
    node: Node, name: str, default: tuple[str, ...], descriptor: ParameterDescriptor
) -> None:
    """Declare by type: from an empty list, rclpy would infer a list of bytes."""
    kind = Parameter.Type.STRING_ARRAY
    declared = node.declare_parameter(name, kind, descriptor)
    if declared.type_ == Parameter.Type.NOT_SET:
        node.set_parameters([Parameter(name, kind, list(default))])


def _descriptor(value: object, setting: Setting) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=setting.description)
    if setting.choices:
        words = "any of: " if isinstance(value, tuple) else "one of: "
        descriptor.additional_constraints = words + ", ".join(setting.choices)
    if setting.minimum is None and setting.maximum is None:
        return descriptor
    low = -_LARGEST if setting.minimum is None else setting.minimum
    high = _LARGEST if setting.maximum is None else setting.maximum
    if isinstance(value, int):
        last = int(min(high, _LARGEST_INT))
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=last, step=1)]
    else:
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
        ]
    return descriptor
