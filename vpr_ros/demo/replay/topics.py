# SPDX-License-Identifier: Apache-2.0
"""The publishers of a replay: classes found by name, quality of service, listeners, delivery."""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy

from vpr_ros.errors import ConfigError

_MESSAGE_TYPE = re.compile(r"([a-z][a-z0-9_]*)/msg/([A-Z][A-Za-z0-9]*)")
_LEAST_DEPTH = 100  # what a subscriber that is busy for a moment may still ask for again
_POLL = 0.05  # seconds between two looks at the ROS graph
_SETTLED = 1.0  # seconds without a change after which discovery counts as finished
_DELIVERY_TIMEOUT = 20.0  # seconds to wait for acknowledgement at the end, on a busy machine


@dataclass(frozen=True)
class RecordedTopic:
    """What a replay must know of a topic to offer it again."""

    name: str
    msgtype: str  # as in "sensor_msgs/msg/Image"
    depth: int  # of the queue that was offered while recording, 0 if not known
    latched: bool  # whether late subscribers get old messages (transient local)


def message_class(msgtype: str) -> type:
    """The Python class of a message type.

    Args:
        msgtype: As in "sensor_msgs/msg/Image". It comes from a file, so nothing that does not look
            like a message of a package is ever imported.

    Raises:
        ConfigError: it is not a message type, or its package is not installed.
    """
    match = _MESSAGE_TYPE.fullmatch(msgtype)
    if match is None:
        raise ConfigError(f"type {msgtype!r} is not a message: only pkg/msg/Name can be published")
    package, name = match.groups()
    try:
        found: type = getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        distro = os.environ.get("ROS_DISTRO", "<distro>")
        raise ConfigError(
            f"type {msgtype} cannot be imported: install ros-{distro}-{package.replace('_', '-')} "
            f"or source the workspace that builds {package}"
        ) from error
    return found


def offered_qos(topic: RecordedTopic) -> QoSProfile:
    """Reliable, which every subscriber can listen to, and latched where it was recorded so."""
    latched = QoSDurabilityPolicy.TRANSIENT_LOCAL
    return QoSProfile(
        depth=max(topic.depth, _LEAST_DEPTH),
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=latched if topic.latched else QoSDurabilityPolicy.VOLATILE,
    )


def wait_for_subscribers(
    node: Node, publishers: Mapping[str, Publisher], timeout: float
) -> list[str]:
    """Wait until whoever subscribes is connected, ``timeout`` seconds at most.

    Returns:
        The topics that are connected to at least one subscriber.
    """
    end, changed = time.monotonic() + timeout, time.monotonic()
    seen: dict[str, tuple[int, int]] = {}
    while True:
        now, before = time.monotonic(), seen
        seen = {name: _audience(node, publisher) for name, publisher in publishers.items()}
        changed = now if seen != before else changed
        if now >= end or (_all_connected(seen) and now - changed >= _SETTLED):
            return [name for name, (connected, _) in seen.items() if connected]
        time.sleep(_POLL)


def wait_for_delivery(publishers: Mapping[str, Publisher]) -> list[str]:
    """Wait until every reliable subscriber has everything; return the topics where one has not."""
    end = time.monotonic() + _DELIVERY_TIMEOUT
    return [name for name, publisher in publishers.items() if not _delivered(publisher, end)]


def _audience(node: Node, publisher: Publisher) -> tuple[int, int]:
    """(subscribers connected to this publisher, subscribers of its topic that the graph shows)."""
    return publisher.get_subscription_count(), node.count_subscribers(publisher.topic_name)


def _all_connected(seen: Mapping[str, tuple[int, int]]) -> bool:
    connected = [have >= want for have, want in seen.values()]
    return all(connected) and any(have for have, _ in seen.values())


def _delivered(publisher: Publisher, end: float) -> bool:
    wait: Any = getattr(publisher, "wait_for_all_acked", None)
    if wait is None:  # an rclpy that cannot tell: give the middleware a moment
        time.sleep(_SETTLED)
        return True
    return bool(wait(Duration(seconds=max(0.0, end - time.monotonic()))))
