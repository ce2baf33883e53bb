# SPDX-License-Identifier: Apache-2.0
"""``~/markers``: the map for whoever comes, and every answer for whoever is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from builtin_interfaces.msg import Time
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import Node as LifecycleNode
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from visualization_msgs.msg import MarkerArray

from vpr_ros.datatypes import Recognition
from vpr_ros.nodes.display.markers import MapMarkers, everything_deleted
from vpr_ros.place_map import KeyframeTable, Map

_LOOK_PERIOD = 0.5  # seconds between two looks for new subscribers
_MAP_PERIOD = 1.0  # seconds at least between two pictures of a map that grows
_MAP_SHARE = 0.05  # part of the time that a large one may take
# Who comes late gets the last messages at once, if it asks for them.
_LATCHED = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)

Watch = Callable[[str], AbstractContextManager[None]]  # times what is done inside
Aside = Callable[[Callable[[], None]], object]  # has something done on the thread for pictures


class MarkerDisplay:
    """Makes nothing while nobody subscribes."""

    def __init__(self, node: LifecycleNode, watch: Watch) -> None:
        """Announce the topic."""
        self._node = node
        self._watch = watch
        self._aside: Aside | None = None  # none while the node is not active
        self._searched: Map | None = None
        self._markers = MapMarkers(KeyframeTable())
        self._count = 0  # keyframes that the markers know of
        self._is_corrected = False  # whether poses of keyframes are others than were sent
        self._next_map = 0.0  # seconds, monotonic clock
        self._audience: frozenset[bytes] = frozenset()  # subscribers that were sent the map
        self._connected = 0  # how many of them can hear this node
        self._publisher = node.create_lifecycle_publisher(MarkerArray, "~/markers", _LATCHED)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_LOOK_PERIOD, self._look_for_audience, clock=steady)

    def open(self, searched: Map) -> None:
        """Show other maps from now on."""
        self._searched = searched
        self._read_map(searched)
        self._forget_audience()

    def close(self) -> None:
        """Forget the maps."""
        self._searched = None

    def start(self, aside: Aside) -> None:
        """The node begins to answer."""
        self._forget_audience()
        self._aside = aside

    def stop(self) -> None:
        """The node no longer answers."""
        self._aside = None

    def follow_map(self) -> None:
        """Show what the map has gained; to be called now and then by who may ask the map."""
        if self._searched is None or self._aside is None or not self._audience:
            return
        clear = self._is_corrected
        if len(self._searched) == self._count and not clear:
            return
        if time.monotonic() >= self._next_map:
            self._read_map(self._searched)
            self._aside(lambda: self._publish_map(clear))

    def map_corrected(self) -> None:
        """Keyframes have other poses now."""
        self._is_corrected = True

    def publish_answer(self, recognition: Recognition, stamp: Time) -> None:
        """Show an answer to the image of this stamp; on the thread for pictures."""
        if self._publisher.get_subscription_count() > 0:
            with self._watch("markers"):
                found = self._markers.of_answer(recognition, stamp)
                self._publisher.publish(MarkerArray(markers=found))

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        if not self._audience:
            return {}
        return {"keyframes without pose": str(self._markers.without_pose)}

    def _read_map(self, searched: Map) -> None:
        self._markers, self._count = MapMarkers(searched.table.snapshot()), len(searched)
        self._is_corrected = False

    def _publish_map(self, clear: bool) -> None:
        start = time.monotonic()
        with self._watch("map markers"):
            found = [everything_deleted()] if clear else []
            self._publisher.publish(MarkerArray(markers=found + self._markers.of_map()))
        took = time.monotonic() - start
        self._next_map = start + max(_MAP_PERIOD, took / _MAP_SHARE)

    def _look_for_audience(self) -> None:
        """Show the map to who came since the last look; a map that was replaced, to all."""
        if self._searched is None or self._aside is None:
            return
        known, connected = self._audience, self._connected
        self._audience = self._listeners()
        self._connected = self._publisher.get_subscription_count()
        # Whom the graph shows may be connected a little later: then the number grows.
        if not self._audience <= known or self._connected > connected:
            self._aside(lambda: self._publish_map(clear=True))

    def _forget_audience(self) -> None:
        """Show the map again to all who are there."""
        self._audience, self._connected = frozenset(), 0

    def _listeners(self) -> frozenset[bytes]:
        """Who subscribes: a number would not tell one who left and one who came."""
        found = self._node.get_subscriptions_info_by_topic(self._publisher.topic_name)
        return frozenset(bytes(each.endpoint_gid) for each in found)
