# SPDX-License-Identifier: Apache-2.0
"""What a node knows of the SLAM and navigation stacks it speaks to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import LoopClosure, Recognition

_QUEUE_DEPTH = 10


class StackAdapter:
    """One stack: this one ignores everything, counts, and gives back what it made of ROS.

    Topics and services have the stack's own relative names: run the node in the stack's namespace,
    or remap them. What the node tells may come from the thread that handles images.
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

    def activate(self) -> None:
        """The node begins to handle images."""

    def localized(self, recognition: Recognition) -> None:
        """Tell of an accepted answer, which has at least one candidate.

        Raises:
            VprError: it cannot be told; the caller hands the reason to ``refused``.
        """

    def closed(self, closure: LoopClosure) -> None:
        """Tell of a loop closure.

        Raises:
            VprError: it cannot be told; the caller hands the reason to ``refused``.
        """

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

    def warnings(self) -> list[str]:
        """What is wrong with the stack, for the status of the node."""
        return []

    def close(self) -> None:
        """Leave nothing of it in the ROS graph."""
        self._entities.close()

    # What an adapter makes of ROS, for as long as it is.

    def publisher(self, kind: type, topic: str) -> Any:
        """A reliable publisher, which every subscriber can hear."""
        publisher = self._node.create_publisher(kind, topic, _QUEUE_DEPTH)
        self._entities.callback(self._node.destroy_publisher, publisher)
        return publisher

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile | int
    ) -> None:
        """Hear what the stack says."""
        subscription = self._node.create_subscription(kind, topic, callback, qos)
        self._entities.callback(self._node.destroy_subscription, subscription)

    def serve(self, kind: type, name: str, answer: Callable[[Any, Any], Any]) -> None:
        """A service that the stack, or whoever drives it, may call."""
        service = self._node.create_service(kind, name, answer)
        self._entities.callback(self._node.destroy_service, service)

    def client(self, kind: type, name: str) -> Any:
        """A client of a service of the stack's."""
        client = self._node.create_client(kind, name)
        self._entities.callback(self._node.destroy_client, client)
        return client

    def every(self, seconds: float, callback: Callable[[], None]) -> None:
        """A timer that keeps time also when /clock stands still."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        timer = self._node.create_timer(seconds, callback, clock=steady)
        self._entities.callback(self._node.destroy_timer, timer)
