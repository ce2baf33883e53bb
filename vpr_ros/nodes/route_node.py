# SPDX-License-Identifier: Apache-2.0
"""The node in its three modes: it learns a route, finds itself on one, or does both at once."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from nav_msgs.msg import Path as PathMessage
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import (
    Cause,
    Features,
    Frame,
    ImageArray,
    KeyframeKey,
    Pose,
    Query,
    Recognition,
)
from vpr_ros.errors import VprError
from vpr_ros.nodes.conversions import (
    loop_closure_to_message,
    path_from_message,
    place_match_to_message,
)
from vpr_ros.nodes.display.answered import Answered
from vpr_ros.nodes.display.display import Display
from vpr_ros.nodes.interfaces import LoopClosure, PlaceMatch
from vpr_ros.nodes.map_services import MapServices
from vpr_ros.nodes.opened_map import LOCALIZE, SLAM, OpenedMap
from vpr_ros.nodes.place_node import ImageFrame, PlaceNode
from vpr_ros.nodes.pose_feed import POSE_SOURCES, PoseFeed
from vpr_ros.nodes.tf.tf_link import TfLink
from vpr_ros.nodes.tf.tf_poses import TfPoses
from vpr_ros.route.loop_closer import loop_closure
from vpr_ros.route.map_builder import Kept
from vpr_ros.route.mounts import seen_from


class RouteNode(PlaceNode):
    """Images become keyframes and loop closures, answers, or both."""

    def __init__(self, name: str, defaults: NodeConfig) -> None:
        super().__init__(name, defaults)
        self._counts: dict[str, int] = {}
        self._matches = self.create_lifecycle_publisher(PlaceMatch, "~/place_match", 10)
        self._closures = self.create_lifecycle_publisher(LoopClosure, "~/loop_closure", 10)
        self._map_services = MapServices(self)
        self._display = Display(self, lambda what, took: self._statistics.note(what, took))
        self._tf = TfLink(self)
        self._asked = False  # whether the next image is to be answered, if not every image is
        self.create_service(Trigger, "~/trigger", self._trigger)

    @property
    def learns(self) -> bool:
        """Whether the map grows."""
        return self.config.mode != LOCALIZE

    @property
    def _hears_poses(self) -> bool:
        """Keyframes take any pose; a sequence filter and a broadcast take odometry alone."""
        config = self.config
        moved_by = config.sequence.mode != "off" or config.tf.broadcast
        return config.pose_type != "none" and (self.learns or (moved_by and config.has_odometry))

    @property
    def _poses(self) -> PoseFeed | TfPoses:
        return self._tf.poses or self.in_use().poses

    def open_map(self, path: Path) -> OpenedMap:
        """Open the map as the mode needs it."""
        opened = OpenedMap(self.pipeline, self.config, path)
        self._counts = {}
        self._display.open(
            self.config, self.pipeline, opened.place_map, opened.searched, opened.recognizer
        )
        return opened

    def subscribe(self) -> None:
        """Images, and what the mode wants to know of the robot."""
        self._display.start()
        if self._hears_poses:
            self._hear_poses()
        if self.config.tf.broadcast:
            self._tf.broadcast(self.config, lambda stamp_ns: self._poses.at(stamp_ns, 0.0))
        if self.learns:
            for camera in self.cameras:
                for name in camera.info_names(self):
                    self.listen(CameraInfo, name, camera.take_info)
            self.listen(PathMessage, "corrected_path", self._take_path)
        super().subscribe()

    def _hear_poses(self) -> None:
        if self.config.pose_type == "tf":
            self._tf.listen(self.config)
            return
        topic, kind = POSE_SOURCES[self.config.pose_type]
        # Asked each time: another map may be loaded meanwhile.
        self.listen(kind, topic, lambda message: self.in_use().poses.take(message))

    def stop(self) -> None:
        """Finish the frame in hand and make everything durable."""
        super().stop()
        self._tf.stop()
        self._display.stop()
        if self._opened is not None:
            self._opened.finish()

    def close(self) -> None:
        """Stop, and close the maps."""
        try:
            super().close()
        finally:
            self._display.close()

    def process(self, image: ImageArray, frame: ImageFrame) -> dict[str, float]:
        """Answer the image, offer it to the map, or both; and say which loop it closes."""
        start = time.monotonic()
        pose = None
        if self._hears_poses:
            pose = self._poses.at(frame.stamp_ns, self.config.pose_timeout)
            self._count("frames without pose", pose is None)
        timings = {"pose": time.monotonic() - start} if self._hears_poses else {}
        work = {LOCALIZE: self._localize, SLAM: self._slam_step}.get(self.config.mode, self._learn)
        timings.update(work(image, frame, pose))
        self._display.markers.follow_map()
        return timings

    def _localize(
        self, image: ImageArray, frame: ImageFrame, pose: Pose | None
    ) -> dict[str, float]:
        answered = self._answered(image, frame, pose, ())
        self._tell(answered)
        return answered.recognition.timings_s

    def _learn(self, image: ImageArray, frame: ImageFrame, pose: Pose | None) -> dict[str, float]:
        start, opened = time.monotonic(), self.in_use()
        kept = opened.keep(_frame(image, frame, pose), None)
        timings = {"map": time.monotonic() - start}
        if kept is None or not self.config.loops.close:
            return timings
        recent, features = opened.recent(frame.stamp_ns, pose), kept.keyframe.features
        recognition = self._answer(features, frame, pose, recent)
        self._close_loop(kept, recognition, frame)
        return {**timings, **recognition.timings_s}

    def _slam_step(
        self, image: ImageArray, frame: ImageFrame, pose: Pose | None
    ) -> dict[str, float]:
        opened = self.in_use()
        answered = self._answered(image, frame, pose, opened.recent(frame.stamp_ns, pose))
        self._tell(answered)
        start = time.monotonic()
        kept = opened.keep(_frame(image, frame, pose), answered.query)
        if kept is not None and self.config.loops.close:
            self._close_loop(kept, answered.recognition, frame)
        return {**answered.recognition.timings_s, "map": time.monotonic() - start}

    def _answered(
        self,
        image: ImageArray,
        frame: ImageFrame,
        pose: Pose | None,
        exclude: Collection[KeyframeKey],
    ) -> Answered:
        """The answer, with the features that keyframes and pictures need again."""
        start = time.monotonic()
        features = self.pipeline.extractor.extract(image)
        timings = {"extract": time.monotonic() - start}
        found = self._answer(features, frame, pose, exclude)
        recognition = replace(found, timings_s={**timings, **found.timings_s})
        return Answered(frame.message, image, features, recognition)

    def _answer(
        self,
        features: Features,
        frame: ImageFrame,
        pose: Pose | None,
        exclude: Collection[KeyframeKey],
    ) -> Recognition:
        opened, camera = self.in_use(), frame.seen_by
        # What a sequence filter may take for motion: poses of other kinds may jump.
        odometry = pose if self.config.has_odometry else None
        query = Query(features, frame.stamp_ns, odometry, camera)
        found = opened.recognizer.answer(query, exclude)
        return seen_from(found, None if camera is None else camera.mount, opened.searched.camera_of)

    def answer_alone(self, image: ImageArray, stamp_ns: int) -> Recognition:
        """The answer to an image that need not be one of this drive; nothing is kept."""
        query = Query(self.pipeline.extractor.extract(image), stamp_ns)
        return self.in_use().recognizer.answer_alone(query)

    def _tell(self, answered: Answered) -> None:
        recognition, header = answered.recognition, answered.message.header
        path_of = self.in_use().searched.path_of
        match = place_match_to_message(recognition, header, self.config.map_path, path_of)
        self._matches.publish(match)
        self.slam.localized(recognition)
        self._tf.localized(recognition)
        self._count(recognition.verdict.name)
        if recognition.cause is not Cause.NONE:
            self._count(f"not localized: {recognition.cause.value}")
        self._display.show(answered)

    def _close_loop(self, kept: Kept, recognition: Recognition, frame: ImageFrame) -> None:
        closure = loop_closure(kept.key, recognition)
        if closure is None:
            return
        header = frame.message.header
        message = loop_closure_to_message(closure, header, self.in_use().searched.path_of)
        self._closures.publish(message)
        self.slam.closed(replace(closure, camera_frame=header.frame_id))
        self._count("loop closures")

    def reconfigure(self, config: NodeConfig) -> None:
        """Take over settings that may change while the node runs."""
        opened = self.in_use()
        opened.reconfigure(config)
        self._display.reconfigure(config, opened.recognizer)

    def wants(self) -> bool:
        """Every image, or in mode localize those that were asked for, if so set."""
        if self.learns or self.config.answer == "every":
            return True
        asked, self._asked = self._asked, False
        return asked

    def replace_map(self, path: str) -> None:
        """Use another map: if it is refused, the old one stays in use.

        Raises:
            MapError: the map cannot be used, or the node is not configured.
        """
        old = self.in_use()
        self._opened = self.open_map(Path(path).expanduser())
        self.config = replace(self.config, map_path=path)
        old.finish()
        old.close()

    def facts(self) -> dict[str, str]:
        """What was answered so far, how the map grows, and whether poses come."""
        known = {"mode": self.config.mode}
        known["keyframes"] = "" if self._opened is None else str(len(self._opened.searched))
        if self._hears_poses and self._opened is not None:
            known |= {
                "pose source": self.config.pose_type,
                "poses refused": str(self._poses.refused),
                "last pose error": self._poses.last_error,
            }
            self._counts.setdefault("frames without pose", 0)
        counts = {name: str(count) for name, count in self._counts.items()}
        return {**known, **counts, **self._display.facts(), **self._tf.facts()}

    def _count(self, name: str, happened: bool = True) -> None:
        self._counts[name] = self._counts.get(name, 0) + happened

    def _trigger(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Answer the next image."""
        self._asked = True
        topics = [self.resolve_topic_name(camera.topic) for camera in self.cameras]
        publishers = {topic: self.count_publishers(topic) for topic in topics}
        response.success = any(publishers.values())
        each = ", ".join(f"{number} publish {topic}" for topic, number in publishers.items())
        response.message = f"the next image is answered; {each}"
        return response

    def _take_path(self, message: PathMessage) -> None:
        try:
            path = path_from_message(message)
            self.on_worker(lambda: self._correct(path))
        except VprError as error:
            self.get_logger().error(f"corrected_path: {error}", throttle_duration_sec=1.0)

    def _correct(self, path: list[tuple[int, Pose]]) -> None:
        self._counts["poses corrected"] = self.in_use().correct(path)
        self._display.markers.map_corrected()


def _frame(image: ImageArray, frame: ImageFrame, pose: Pose | None) -> Frame:
    """An image as the map takes it."""
    return Frame(frame.stamp_ns, image, pose, frame.seen_by)
