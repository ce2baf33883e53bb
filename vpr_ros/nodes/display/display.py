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

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import Node as LifecycleNode
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from vpr_ros.config import NodeConfig
from vpr_ros.errors import VprError
from vpr_ros.nodes.awaiting import result_of
from vpr_ros.nodes.display.answered import Answered
from vpr_ros.nodes.display.marker_display import MarkerDisplay
from vpr_ros.nodes.display.match_image import Gathered, match_image
from vpr_ros.nodes.display.recorder import Recorder
from vpr_ros.nodes.worker import FrameWorker, run_on
from vpr_ros.pipeline import Pipeline
from vpr_ros.route.session import Session

_log = logging.getLogger(__name__)

Timed = Callable[[str, float], None]  # told what took how many seconds


@dataclass(frozen=True)
class _Scene:
    """Everything that belongs to the map, or to the maps, in use."""

    config: NodeConfig
    session: Session
    about: dict[str, str]  # what records say of the map and the model
    recorder: Recorder


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
        self._last: Answered | None = None
        self._worker: FrameWorker[_Job] | None = None
        self._failed = 0
        self._images = node.create_lifecycle_publisher(Image, "~/match_image", 1)
        self.markers = MarkerDisplay(node, self._watch)
        self._node = node
        group = MutuallyExclusiveCallbackGroup()  # while it awaits, images and poses go on
        node.create_service(Trigger, "~/save_record", self._save_record, callback_group=group)

    def open(self, config: NodeConfig, pipeline: Pipeline, session: Session) -> None:
        """Show another map from now on, with those that are searched besides."""
        info, searched = session.maps.place_map.info(), session.maps.searched
        about = {"map": str(info.path), "model": info.space, "method": info.spec.method}
        about["backend"] = pipeline.description
        recorder = Recorder(config.records, about, searched.path_of)
        self._scene = _Scene(config, session, about, recorder)
        self._last = None
        self.markers.open(searched)

    def reconfigure(self, config: NodeConfig) -> None:
        """Take over changed settings; records start to count anew if it is theirs that changed."""
        if (scene := self._scene) is None:
            return
        if config.records != scene.config.records:
            recorder = Recorder(config.records, scene.about, scene.session.maps.searched.path_of)
            scene = replace(scene, recorder=recorder)
        self._scene = replace(scene, config=config)

    def start(self) -> None:
        """The node begins to answer."""
        self._worker = worker = FrameWorker(self._make, self._fail)
        self.markers.start(lambda function: worker.submit(lambda: self._attempt(function)))

    def stop(self) -> None:
        """Finish what is in hand."""
        self.markers.stop()
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def close(self) -> None:
        """Stop, and forget the map."""
        self.stop()
        self.markers.close()
        self._scene = self._last = None

    def follow_map(self) -> None:
        """Show what the map has gained; on the thread that may ask it."""
        self.markers.follow_map()

    def map_corrected(self) -> None:
        """Keyframes have other poses now."""
        self.markers.map_corrected()

    def show(self, answered: Answered) -> None:
        """Hand over an answer that was published; on the thread that may ask the map."""
        if self._scene is None or self._worker is None:
            return
        self._last = answered
        self._worker.offer(_Job(self._scene, answered, self._gathered(self._scene, answered)))

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        if self._scene is None:
            return {}
        failed = {"pictures failed": str(self._failed)} if self._failed else {}
        return {**failed, **self.markers.facts(), **self._scene.recorder.facts()}

    def _gathered(self, scene: _Scene, answered: Answered) -> Gathered | None:
        if not self._images.get_subscription_count():
            return None
        try:
            session = scene.session
            return Gathered(answered, session.recognizer, session.maps.searched)
        except VprError as error:
            self._count_failure(error)
            return None

    # On the thread for pictures.

    def _make(self, job: _Job) -> None:
        answered, scene = job.answered, job.scene
        if job.gathered is not None:
            with self._watch("match image"):
                self._images.publish(match_image(answered, job.gathered, scene.config.pictures))
        self.markers.publish_answer(answered.recognition, answered.message.header.stamp)
        now = time.monotonic()
        if scene.recorder.is_due(answered, now):
            # The recorder counts what is refused, and says so.
            with self._watch("record"), suppress(OSError, VprError):
                scene.recorder.save(answered, "not accepted", now)

    def _attempt(self, function: Callable[[], None]) -> None:
        try:
            function()
        except Exception as error:  # nobody waits for it who would hear of it
            self._count_failure(error)

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

    async def _save_record(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        scene, last = self._scene, self._last
        if scene is None or last is None:
            response.message = "no image was answered since the map was opened"
            return response
        try:
            saving = run_on(
                self._worker, lambda: scene.recorder.save(last, "request", time.monotonic())
            )
            path = await result_of(self._node, saving)
        except (VprError, OSError) as error:
            response.message = f"no record: {error}"
            return response
        response.success, response.message = True, str(path)
        return response
