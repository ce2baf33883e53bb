# SPDX-License-Identifier: Apache-2.0
"""SLAM and navigation stacks: a file for each, named and listed in ``config.SLAM_STACKS``.

Loading this needs none of their packages.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

from rclpy.node import Node

from vpr_ros.config import SLAM_STACKS, NodeConfig
from vpr_ros.datatypes import LoopClosure, Recognition, Verdict
from vpr_ros.errors import ConfigError, VprError
from vpr_ros.nodes.slam.base import StackAdapter
from vpr_ros.nodes.slam.closures import MetricClosureAdapter
from vpr_ros.nodes.tf.camera_mounts import CameraMounts

T = TypeVar("T")

# These would publish the same topic and serve the same service.
_EITHER = ("nav2_amcl", "slam_toolbox")


class SlamAdapters:
    """The stacks that one node speaks to; a stack that cannot be told stops none of the others."""

    def __init__(self, adapters: Sequence[StackAdapter] = ()) -> None:
        self._adapters = tuple(adapters)

    def activate(self) -> None:
        """The node begins to handle images."""
        for adapter in self._adapters:
            adapter.activate()

    def localized(self, recognition: Recognition) -> None:
        """Tell every stack of an answer, if it is one that a robot may act on."""
        if recognition.verdict is Verdict.ACCEPTED and recognition.candidates:
            for adapter in self._adapters:
                _tell(adapter, adapter.localized, recognition)

    def closed(self, closure: LoopClosure) -> None:
        """Tell every stack of a loop closure."""
        for adapter in self._adapters:
            _tell(adapter, adapter.closed, closure)

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        return {key: text for adapter in self._adapters for key, text in adapter.facts().items()}

    def warnings(self) -> list[str]:
        """What is wrong with the stacks."""
        return [warning for adapter in self._adapters for warning in adapter.warnings()]

    def close(self) -> None:
        """Leave nothing of them in the ROS graph."""
        adapters, self._adapters = self._adapters, ()
        for adapter in adapters:
            adapter.close()


def connect(node: Node, config: NodeConfig, mounts: CameraMounts) -> SlamAdapters:
    """Make the adapters that the configuration names.

    Args:
        node: whose topics and services they are.
        config: the settings.
        mounts: where the node's cameras sit, for stacks that want the robot's motion.

    Raises:
        ConfigError: a name is unknown, two exclude each other, or a message package is missing.
    """
    names = tuple(dict.fromkeys(config.slam.adapters))
    if set(_EITHER) <= set(names):
        raise ConfigError(f"slam.adapters: list {_EITHER[0]} or {_EITHER[1]}, not both")
    if names:
        config = _with_sigma(config)
    adapters = []
    with ExitStack() as undo:
        for name in names:
            adapters.append(_make(name, node, config, mounts))
            undo.callback(adapters[-1].close)
        undo.pop_all()
    return SlamAdapters(adapters)


def _make(name: str, node: Node, config: NodeConfig, mounts: CameraMounts) -> StackAdapter:
    if name not in SLAM_STACKS:
        raise ConfigError(f"slam.adapters: {name!r} is unknown; known: {', '.join(SLAM_STACKS)}")
    module = importlib.import_module(f"{__name__}.{name}")
    kind: type[StackAdapter] = getattr(module, SLAM_STACKS[name])
    if issubclass(kind, MetricClosureAdapter):
        return kind(node, config, mounts)
    return kind(node, config)


def _with_sigma(config: NodeConfig) -> NodeConfig:
    """The settings, with the size of a place put in where none is given."""
    sigma = config.slam.position_sigma or config.decision.place_radius / 2.0
    if sigma == 0.0:
        raise ConfigError(
            "slam.position_sigma = 0 stands for half of decision.place_radius, which is 0, too: "
            "set one of them"
        )
    slam = dataclasses.replace(config.slam, position_sigma=sigma)
    return dataclasses.replace(config, slam=slam)


def _tell(adapter: StackAdapter, tell: Callable[[T], None], what: T) -> None:
    try:
        tell(what)
    except VprError as error:
        adapter.refused(str(error))
