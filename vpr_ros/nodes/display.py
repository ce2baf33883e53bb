# SPDX-License-Identifier: Apache-2.0
"""What people get to see of a node at work, made for them alone and never at the cost of an answer.

Pictures, markers and records are made once the answer is out, on a thread of their own where the
newest frame wins; pictures and markers only while somebody subscribes to them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import Node as LifecycleNode
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from vpr_ros.config import NodeConfig
from vpr_ros.errors import VprError
from vpr_ros.nodes.answered import Answered
from vpr_ros.nodes.markers import MapMarkers, everything_deleted
from vpr_ros.nodes.match_image import Gathered, match_image
from vpr_ros.nodes.recorder import Recorder
from vpr_ros.nodes.worker import FrameWorker
from vpr_ros.pipeline import Pipeline
from vpr_ros.place_map import MapSet, PlaceMap
from vpr_ros.recognizer import PlaceRecognizer

_log = logging.getLogger(__name__)

_LOOK_PERIOD = 0.5  # seconds between two looks for new subscribers of the markers
_MAP_PERIOD = 1.0  # seconds at least between two pictures of a map that grows
_MAP_SHARE = 0.05  # part of the time that a large one may take
# Who comes late gets the last messages at once, if it asks for them.
_LATCHED = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)

R = TypeVar("R")
Timed = Callable[[str, float], None]  # told what took how many seconds


@dataclass(frozen=True)
class _Scene:
    """Everything that belongs to the map, or to the maps, in use."""

    config: NodeConfig
    searched: PlaceMap | MapSet
    recognizer: PlaceRecognizer
    recorder: Recorder
    markers: MapMarkers
    count: int  # keyframes that the markers know of


@dataclass(frozen=True)
class _Job:
    """One answer, and what is to be made of it."""

    scene: _Scene
    answered: Answered
    gathered: Gathered | None  # None if nobody looks at pictures


class Display:
    """Publishes ``~/match_image`` and ``~/markers``, serves ``~/save_record``."""

    def __init__(self, node: LifecycleNode, timed: Timed) -> None:
        """Announce topics and service."""
        self._timed = timed
        self._scene: _Scene | None = None
        self._last: _Job | None = None
        self._worker: FrameWorker[_Job] | None = None
        self._node = node
        self._audience: frozenset[bytes] = frozenset()  # subscribers that were sent the map
        self._connected = 0  # how many of them can hear this node
        self._is_corrected = False  # whether poses of keyframes are others than were sent
        self._next_map = 0.0  # seconds, monotonic clock
        self._failed = 0
        self._images = node.create_lifecycle_publisher(Image, "~/match_image", 1)
        self._markers = node.create_lifecycle_publisher(MarkerArray, "~/markers", _LATCHED)
        node.create_service(Trigger, "~/save_record", self._save_record)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_LOOK_PERIOD, self._look_for_audience, clock=steady)

    def open(
        self,
        config: NodeConfig,
        pipeline: Pipeline,
        place_map: PlaceMap,
        searched: PlaceMap | MapSet,
        recognizer: PlaceRecognizer,
    ) -> None:
        """Show another map from now on, with those that are searched besides."""
        info = place_map.info()
        about = {"map": str(info.path), "model": info.fingerprint, "method": info.spec.method}
        about["backend"] = pipeline.description
        recorder = Recorder(config.records, about)
        markers = MapMarkers(searched.records())
        self._scene = _Scene(config, searched, recognizer, recorder, markers, len(searched))
        self._last = None
        self._forget_audience()

    def start(self) -> None:
        """The node begins to answer."""
        self._forget_audience()
        self._worker = FrameWorker(self._make, self._fail)

    def stop(self) -> None:
        """Finish what is in hand."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def close(self) -> None:
        """Stop, and forget the map."""
        self.stop()
        self._scene = self._last = None

    def show(self, answered: Answered) -> None:
        """Hand over an answer that was published; on the thread that may ask the map."""
        if self._scene is None or self._worker is None:
            return
        self._last = _Job(self._scene, answered, self._gathered(self._scene, answered))
        self._worker.offer(self._last)

    def follow_map(self) -> None:
        """Show what the map has gained; to be called now and then by who may ask the map."""
        scene = self._scene
        if scene is None or self._worker is None or not self._audience:
            return
        count, clear = len(scene.searched), self._is_corrected
        if (count == scene.count and not clear) or time.monotonic() < self._next_map:
            return
        markers = MapMarkers(scene.searched.records())
        self._scene = scene = replace(scene, markers=markers, count=count)
        self._is_corrected = False
        self._worker.submit(lambda: self._publish_map(scene, clear))

    def map_corrected(self) -> None:
        """Keyframes have other poses now."""
        self._is_corrected = True

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        if self._scene is None:
            return {}
        shown = {}
        if self._audience:
            shown["keyframes without pose"] = str(self._scene.markers.without_pose)
        if self._failed:
            shown["pictures failed"] = str(self._failed)
        return {**shown, **self._scene.recorder.facts()}

    def _gathered(self, scene: _Scene, answered: Answered) -> Gathered | None:
        if not self._images.get_subscription_count():
            return None
        try:
            return Gathered(answered, scene.recognizer, scene.searched)
        except VprError as error:
            self._count_failure(error)
            return None

    # On the thread for pictures.

    def _make(self, job: _Job) -> None:
        if job.gathered is not None:
            with self._watch("match image"):
                picture = match_image(job.answered, job.gathered, job.scene.config.pictures)
                self._images.publish(picture)
        if self._markers.get_subscription_count() > 0:
            with self._watch("markers"):
                self._publish_markers(job)
        now = time.monotonic()
        if job.scene.recorder.is_due(job.answered, now):
            # The recorder counts what is refused, and says so.
            with self._watch("record"), suppress(OSError, VprError):
                job.scene.recorder.save(job.answered, "not accepted", now)

    def _publish_markers(self, job: _Job) -> None:
        stamp = job.answered.message.header.stamp
        found = job.scene.markers.of_answer(job.answered.recognition, stamp)
        self._markers.publish(MarkerArray(markers=found))

    def _publish_map(self, scene: _Scene, clear: bool) -> None:
        start = time.monotonic()
        with self._watch("map markers"):
            found = [everything_deleted()] if clear else []
            self._markers.publish(MarkerArray(markers=found + scene.markers.of_map()))
        took = time.monotonic() - start
        self._next_map = start + max(_MAP_PERIOD, took / _MAP_SHARE)

    def _fail(self, job: _Job, error: Exception) -> None:
        self._count_failure(error)

    def _count_failure(self, error: Exception) -> None:
        """Say it the first time only: what is shown to people must not fill the log."""
        if not self._failed:
            _log.error("no picture or markers: %s: %s", type(error).__name__, error)
        self._failed += 1

    @contextmanager
    def _watch(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self._timed(what, time.monotonic() - start)

    # On the node's thread.

    def _look_for_audience(self) -> None:
        """Show the map to who came since the last look; a map that was replaced, to all."""
        if self._scene is None or self._worker is None:
            return
        scene, known, connected = self._scene, self._audience, self._connected
        self._audience, self._connected = self._listeners(), self._markers.get_subscription_count()
        # Whom the graph shows may be connected a little later: then the number grows.
        if not self._audience <= known or self._connected > connected:
            # Not waited for: a large map takes a while.
            self._worker.submit(lambda: self._publish_map(scene, clear=True))

    def _forget_audience(self) -> None:
        """Show the map again to all who are there."""
        self._audience, self._connected = frozenset(), 0

    def _listeners(self) -> frozenset[bytes]:
        """Who subscribes to the markers: a number would not tell one who left and one who came."""
        found = self._node.get_subscriptions_info_by_topic(self._markers.topic_name)
        return frozenset(bytes(each.endpoint_gid) for each in found)

    def _save_record(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        job = self._last
        if job is None:
            response.message = "no image was answered since the map was opened"
            return response
        try:
            response.message = str(self._aside(lambda: _saved(job)))
            response.success = True
        except (VprError, OSError) as error:
            response.message = f"no record: {error}"
        return response

    def _aside(self, function: Callable[[], R]) -> R:
        """Run something between two pictures, or now if there are none."""
        return self._worker.call(function) if self._worker is not None else function()


def _saved(job: _Job) -> Path:
    return job.scene.recorder.save(job.answered, "request", time.monotonic())
