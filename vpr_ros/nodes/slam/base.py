# SPDX-License-Identifier: Apache-2.0
"""What a node knows of the SLAM and navigation stacks it speaks to."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from vpr_ros.config import NodeConfig
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.interfaces import LoopClosure, PlaceMatch

_QUEUE_DEPTH = 10


class Adapter(Protocol):
    """One stack. The first three calls may come from the thread that handles images."""

    def localized(self, match: PlaceMatch) -> None:
        """Tell of an accepted match, which has at least one candidate.

        Raises:
            VprError: it cannot be told; the caller hands the reason to ``refused``.
        """

    def closed(self, closure: LoopClosure) -> None:
        """Tell of a loop closure.

        Raises:
            VprError: it cannot be told; the caller hands the reason to ``refused``.
        """

    def refused(self, reason: str) -> None:
        """Count something that the stack was not told, or did not take."""

    def activate(self) -> None:
        """The node begins to handle images."""

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""

    def close(self) -> None:
        """Leave nothing of it in the ROS graph."""


class StackAdapter:
    """An adapter that ignores everything, counts, and gives back what it made of ROS.

    Topics and services have the stack's own relative names: run the node in the stack's namespace,
    or remap them.
    """

    name = ""

    def __init__(self, node: Node, config: NodeConfig) -> None:
        self._node = node
        self._settings = config.slam
        self._base_frame = config.tf.base_frame
        self._entities = ExitStack()
        self._sent = 0
        self._refused = 0
        self._last_refusal = ""

    def localized(self, match: PlaceMatch) -> None:
        """Nothing to tell this stack."""

    def closed(self, closure: LoopClosure) -> None:
        """Nothing to tell this stack."""

    def activate(self) -> None:
        """Nothing to prepare."""

    def sent(self, what: str) -> None:
        """Count and log what the stack was told."""
        self._sent += 1
        self._node.get_logger().info(f"{self.name}: {what}", throttle_duration_sec=1.0)

    def refused(self, reason: str) -> None:
        """Count something that the stack was not told, or did not take; and say why."""
        self._refused += 1
        self._last_refusal = reason
        self._node.get_logger().warning(f"{self.name}: {reason}", throttle_duration_sec=5.0)

    def facts(self) -> dict[str, str]:
        """How often the stack was told something, and why it was not."""
        return {
            f"{self.name} sent": str(self._sent),
            f"{self.name} refused": str(self._refused),
            f"{self.name} last refusal": self._last_refusal,
        }

    def close(self) -> None:
        """Leave nothing of it in the ROS graph."""
        self._entities.close()

    def publisher(self, kind: type, topic: str) -> Any:
        """A reliable publisher, which every subscriber can hear; for as long as the adapter is."""
        made = self._node.create_publisher(kind, topic, _QUEUE_DEPTH)
        self._entities.callback(self._node.destroy_publisher, made)
        return made

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile | int
    ) -> Any:
        """A subscription for as long as the adapter is."""
        made = self._node.create_subscription(kind, topic, callback, qos)
        self._entities.callback(self._node.destroy_subscription, made)
        return made

    def serve(self, kind: type, name: str, answer: Callable[[Any, Any], Any]) -> None:
        """A service for as long as the adapter is."""
        made = self._node.create_service(kind, name, answer)
        self._entities.callback(self._node.destroy_service, made)

    def client(self, kind: type, name: str) -> Any:
        """A client for as long as the adapter is."""
        made = self._node.create_client(kind, name)
        self._entities.callback(self._node.destroy_client, made)
        return made

    def every(self, seconds: float, callback: Callable[[], None]) -> None:
        """A timer that keeps time also when /clock stands still."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        made = self._node.create_timer(seconds, callback, clock=steady)
        self._entities.callback(self._node.destroy_timer, made)


def interface(package: str, kind: str, name: str, remedy: str) -> Any:
    """A message or service of a stack's own package, which most robots lack.

    Args:
        package: the interface package.
        kind: ``msg`` or ``srv``.
        name: of the message or service.
        remedy: where the package comes from.

    Raises:
        ConfigError: the package is not installed.
    """
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{package}/{kind}/{name} is missing ({error}): {remedy}") from error
