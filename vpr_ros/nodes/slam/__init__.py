# SPDX-License-Identifier: Apache-2.0
"""SLAM and navigation stacks, by name. Reading this table needs none of their packages."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.errors import ConfigError, VprError
from vpr_ros.nodes.interfaces import LoopClosure, PlaceMatch
from vpr_ros.nodes.slam.base import Adapter

# name -> module in this folder and class
ADAPTERS = {
    "nav2_amcl": ("nav2_amcl", "Nav2Amcl"),
    "slam_toolbox": ("slam_toolbox", "SlamToolbox"),
    "robot_localization": ("robot_localization", "RobotLocalization"),
    "isaac_vgl": ("isaac_vgl", "IsaacVgl"),
    "rtabmap": ("rtabmap", "Rtabmap"),
    "lio_sam": ("lio_sam", "LioSam"),
    "hydra": ("hydra", "Hydra"),
    "swarm_slam": ("swarm_slam", "SwarmSlam"),
}

# These would publish the same topic and serve the same service.
_EITHER = ("nav2_amcl", "slam_toolbox")


class SlamAdapters:
    """The stacks that one node speaks to; a stack that cannot be told stops none of the others."""

    def __init__(self, adapters: Sequence[Adapter] = ()) -> None:
        self._adapters = tuple(adapters)

    def activate(self) -> None:
        """The node begins to handle images."""
        for adapter in self._adapters:
            adapter.activate()

    def localized(self, match: PlaceMatch) -> None:
        """Tell every stack of an answer, if it is one that a robot may act on."""
        if match.verdict == PlaceMatch.ACCEPTED and match.candidates:
            for adapter in self._adapters:
                _tell(adapter, adapter.localized, match)

    def closed(self, closure: LoopClosure) -> None:
        """Tell every stack of a loop closure."""
        for adapter in self._adapters:
            _tell(adapter, adapter.closed, closure)

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        return {key: text for each in self._adapters for key, text in each.facts().items()}

    def close(self) -> None:
        """Leave nothing of them in the ROS graph."""
        adapters, self._adapters = self._adapters, ()
        for adapter in adapters:
            adapter.close()


def connect(node: Node, config: NodeConfig) -> SlamAdapters:
    """Make the adapters that the configuration names.

    Raises:
        ConfigError: a name is unknown, two exclude each other, or a message package is missing.
    """
    names = tuple(dict.fromkeys(config.slam.adapters))
    if set(_EITHER) <= set(names):
        raise ConfigError(f"slam.adapters: list {_EITHER[0]} or {_EITHER[1]}, not both")
    known = _with_sigma(config) if names else config
    with ExitStack() as undo:
        made = []
        for name in names:
            made.append(_make(name, node, known))
            undo.callback(made[-1].close)
        undo.pop_all()
    return SlamAdapters(made)


def _make(name: str, node: Node, config: NodeConfig) -> Adapter:
    if name not in ADAPTERS:
        raise ConfigError(f"slam.adapters: {name!r} is unknown; known: {', '.join(ADAPTERS)}")
    module, kind = ADAPTERS[name]
    adapter: Adapter = getattr(importlib.import_module(f"{__name__}.{module}"), kind)(node, config)
    return adapter


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


def _tell(adapter: Adapter, tell: Callable[[Any], None], message: Any) -> None:
    try:
        tell(message)
    except VprError as error:
        adapter.refused(str(error))
