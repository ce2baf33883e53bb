# SPDX-License-Identifier: Apache-2.0
"""A subscription that asks for what its publishers offer, and counts what is lost on the way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

# The worker keeps only the newest frame and counts the others; a queue of a second at 10 Hz
# lets it count them on a busy robot, where DDS would drop them without a word.
_DEPTH = 10
_PERIOD = 1.0  # seconds between two looks at the publishers

RELIABLE, BEST_EFFORT = "reliable", "best_effort"


class OfferedSubscription:
    """One topic of stamped messages, heard until ``stop``.

    ``auto`` takes what the publishers offer, as rosbag2's recorder does: reliable if all of them
    are, otherwise best effort, which hears every publisher. It begins reliable, follows publishers
    that come later or change, and a new subscription replaces the old one only once it hears
    something or had a second to connect. Durability is volatile: old images place nobody.
    """

    def __init__(
        self,
        node: Node,
        kind: type,
        topic: str,
        callback: Callable[[Any], None],
        reliability: str = "auto",
    ) -> None:
        """Listen from now on.

        Args:
            node: whose executor calls.
            kind: the messages' class; they have a header.
            topic: its name, before remapping.
            callback: called with each message.
            reliability: ``auto``, ``reliable`` or ``best_effort``.
        """
        self._name = topic
        self.topic: str = node.resolve_topic_name(topic)
        self.lost: int | None = 0  # messages, as the middleware counts them; None: it cannot tell
        self.unheard = 0  # publishers whose quality of service does not fit
        self._node, self._kind, self._callback = node, kind, callback
        self._old: Any = None  # a subscription on its way out, and when it was replaced
        self._replaced = 0.0
        self._stamps: deque[tuple[int, int]] = deque(maxlen=2 * _DEPTH)  # that the old one heard
        self._is_auto = reliability == "auto"
        self.reliability = (self.offered() or RELIABLE) if self._is_auto else reliability
        self._subscription = self._subscribe()
        self._timer = None
        if self._is_auto:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = node.create_timer(_PERIOD, self._follow, clock=steady)

    def stop(self) -> None:
        """Listen no more; safe to call twice."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        self._retire()
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def offered(self) -> str | None:
        """What all publishers offer; None where there are none."""
        offers = self._node.get_publishers_info_by_topic(self._name)
        if not offers:
            return None
        reliable = QoSReliabilityPolicy.RELIABLE
        are_reliable = all(offer.qos_profile.reliability == reliable for offer in offers)
        return RELIABLE if are_reliable else BEST_EFFORT

    def _follow(self) -> None:
        """Look at the publishers, and ask for what they offer now."""
        if self._old is not None:
            if time.monotonic() - self._replaced > _PERIOD:
                self._retire()
            return
        offered = self.offered()
        if offered in (None, self.reliability) or self._subscription is None:
            return
        self._node.get_logger().info(f"{self.topic}: its publishers now offer {offered}")
        self.reliability = offered
        self._old, self._replaced = self._subscription, time.monotonic()
        self._subscription = self._subscribe()

    def _retire(self) -> None:
        if self._old is not None:
            self._node.destroy_subscription(self._old)
            self._old = None

    def _subscribe(self) -> Any:
        """A subscription of what is asked for now."""
        reliability = QoSReliabilityPolicy[self.reliability.upper()]
        qos = QoSProfile(depth=_DEPTH, reliability=reliability)
        subscription: Any = None

        def take(message: Any) -> None:
            self._take(message, subscription is self._subscription)

        events = {"message_lost": self._count_lost, "incompatible_qos": self._count_unheard}
        try:
            subscription = self._create(take, qos, events)
        except UnsupportedEventTypeError:  # by a middleware that counts no losses
            self.lost = None
            del events["message_lost"]
            subscription = self._create(take, qos, events)
        return subscription

    def _create(self, take: Callable[[Any], None], qos: QoSProfile, events: dict[str, Any]) -> Any:
        return self._node.create_subscription(
            self._kind, self._name, take, qos, event_callbacks=SubscriptionEventCallbacks(**events)
        )

    def _take(self, message: Any, is_new: bool) -> None:
        """Pass a message on, once, whichever subscriptions heard it."""
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        if not is_new:
            self._stamps.append(stamp)
        else:
            self._retire()
            if stamp in self._stamps:
                self._stamps.remove(stamp)
                return
            self._stamps.clear()
        self._callback(message)

    def _count_lost(self, event: Any) -> None:
        if self.lost is not None and self._old is None:
            self.lost += event.total_count_change

    def _count_unheard(self, event: Any) -> None:
        if self._is_auto:
            self._follow()
        else:
            self.unheard += event.total_count_change
