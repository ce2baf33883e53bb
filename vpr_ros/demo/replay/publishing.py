# SPDX-License-Identifier: Apache-2.0
"""How a replay publishes: message classes, quality of service, listeners, pace, and delivery."""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
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
_NS_PER_S = 1_000_000_000
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


class Pacer:
    """Sleeps until a moment of the recording is due.

    Every deadline is counted from the start, not from the message before, so that neither slow
    publishing nor late wake-ups add up: whoever comes late catches up.
    """

    def __init__(
        self,
        start_ns: int,
        rate: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin at once with the recorded ``start_ns``; ``rate``: recorded seconds per real one."""
        self._start_ns = start_ns
        self._rate = rate
        self._now = now
        self._sleep = sleep
        self._begun = now()

    def wait_until(self, log_ns: int) -> None:
        """Return when the recorded time is reached, at once if it is in the past."""
        due = self._begun + (log_ns - self._start_ns) / _NS_PER_S / self._rate
        while (left := due - self._now()) > 0.0:
            self._sleep(left)


class ClockTicks:
    """The recorded times at which ``/clock`` is told."""

    def __init__(self, start_ns: int, frequency: float, rate: float) -> None:
        """Tick first at ``start_ns``, and ``frequency`` times per real second."""
        self._next_ns = start_ns
        self._step_ns = max(1, round(_NS_PER_S * rate / frequency))

    def until(self, log_ns: int) -> Iterator[int]:
        """Each tick up to and including a recorded time, once."""
        while self._next_ns <= log_ns:
            yield self._next_ns
            self._next_ns += self._step_ns


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
