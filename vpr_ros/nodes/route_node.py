# SPDX-License-Identifier: Apache-2.0
"""The node in its three modes: it learns a route, finds itself on one, or does both at once."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from nav_msgs.msg import Path as PathMessage
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Camera, Cause, Features, ImageArray, Pose, Recognition
from vpr_ros.errors import MapError, VprError
from vpr_ros.loop_closer import LoopCloser, loop_closure
from vpr_ros.map_builder import Frame, Kept, MapBuilder
from vpr_ros.nodes.answered import Answered
from vpr_ros.nodes.conversions import (
    camera_from_message,
    loop_closure_to_message,
    path_from_message,
    place_match_to_message,
)
from vpr_ros.nodes.display import Display
from vpr_ros.nodes.interfaces import LoopClosure, PlaceMatch
from vpr_ros.nodes.map_services import MapServices
from vpr_ros.nodes.place_node import ImageFrame, PlaceNode
from vpr_ros.nodes.pose_feed import POSE_SOURCES, PoseFeed
from vpr_ros.place_map import MapSet, PlaceMap
from vpr_ros.pose_correction import corrections
from vpr_ros.recognizer import PlaceRecognizer

LOCALIZE, SLAM = "localize", "slam"


class RouteNode(PlaceNode):
    """Images become keyframes and loop closures, answers, or both."""

    def __init__(self, name: str, defaults: NodeConfig) -> None:
        super().__init__(name, defaults)
        self._recognizer: PlaceRecognizer | None = None
        self._searched: PlaceMap | MapSet | None = None
        self._more = ExitStack()  # maps that are searched besides
        self._builder: MapBuilder | None = None
        self._loops = LoopCloser(defaults.loops)
        self._poses = PoseFeed(defaults.pose_gap)
        self._camera: Camera | None = None
        self._counts: dict[str, int] = {}
        self._matches = self.create_lifecycle_publisher(PlaceMatch, "~/place_match", 10)
        self._closures = self.create_lifecycle_publisher(LoopClosure, "~/loop_closure", 10)
        self._map_services = MapServices(self)
        self._display = Display(self, lambda what, took: self._statistics.note(what, took))
        self._asked = False  # whether the next image is to be answered, if not every image is
        self.create_service(Trigger, "~/trigger", self._trigger)

    @property
    def learns(self) -> bool:
        """Whether the map grows."""
        return self.config.mode != LOCALIZE

    @property
    def _hears_poses(self) -> bool:
        """Keyframes take any pose, a sequence filter odometry alone: other poses may jump."""
        kind = self.config.pose_type
        filtered = self.config.sequence.mode != "off" and kind == "odometry"
        return kind in POSE_SOURCES and (self.learns or filtered)

    def open_map(self, path: Path) -> PlaceMap:
        """Open the map to search it, or continue it, or start it; and the others to search them."""
        line = self.pipeline
        with ExitStack() as opened:
            more = [opened.enter_context(line.open_map(each)) for each in self._other_paths(path)]
            place_map = line.continue_map(path) if self.learns else line.open_map(path)
            self._more.close()
            self._more = opened.pop_all()
        self._searched = MapSet(place_map, more) if more else place_map
        self._recognizer = line.recognizer(self._searched)
        self._builder = None
        if self.learns:
            self._builder = line.map_builder(place_map, self.config.session)
        self._loops = LoopCloser(self.config.loops)
        self._poses = PoseFeed(self.config.pose_gap)
        self._counts = {}
        self._display.open(self.config, line, place_map, self._searched, self._recognizer)
        return place_map

    def subscribe(self) -> None:
        """Images, and what the mode wants to know of the robot."""
        self._display.start()
        if self._hears_poses:
            topic, kind = POSE_SOURCES[self.config.pose_type]
            self.listen(kind, topic, self._poses.take)
        if self.learns:
            self.listen(CameraInfo, "camera_info", self._take_camera)
            self.listen(PathMessage, "corrected_path", self._take_path)
        super().subscribe()

    def stop(self) -> None:
        """Finish the frame in hand and make everything durable."""
        super().stop()
        self._display.stop()
        if self._builder is not None:
            self._builder.finish()

    def close(self) -> None:
        """Stop, and close the maps."""
        try:
            super().close()
        finally:
            self._display.close()
            self._more.close()
            self._builder, self._recognizer, self._searched = None, None, None

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
        start = time.monotonic()
        kept = self._keep(Frame(frame.stamp_ns, image, pose, self._camera), None)
        timings = {"map": time.monotonic() - start}
        if kept is None or not self.config.loops.close:
            return timings
        recent = self._loops.recent(frame.stamp_ns, pose)
        features = kept.keyframe.features
        recognition = self.in_use()[0].answer(features, frame.stamp_ns, pose, recent)
        self._close_loop(kept, recognition, frame)
        return {**timings, **recognition.timings_s}

    def _slam_step(
        self, image: ImageArray, frame: ImageFrame, pose: Pose | None
    ) -> dict[str, float]:
        recent = self._loops.recent(frame.stamp_ns, pose)
        answered = self._answered(image, frame, pose, recent)
        self._tell(answered)
        start = time.monotonic()
        kept = self._keep(Frame(frame.stamp_ns, image, pose, self._camera), answered.query)
        if kept is not None and self.config.loops.close:
            self._close_loop(kept, answered.recognition, frame)
        return {**answered.recognition.timings_s, "map": time.monotonic() - start}

    def _answered(
        self, image: ImageArray, frame: ImageFrame, pose: Pose | None, exclude: Collection[int]
    ) -> Answered:
        """The answer, with the features that keyframes and pictures need again."""
        start = time.monotonic()
        features = self.pipeline.extractor.extract(image)
        timings = {"extract": time.monotonic() - start}
        found = self.in_use()[0].answer(features, frame.stamp_ns, pose, exclude)
        recognition = replace(found, timings_s={**timings, **found.timings_s})
        return Answered(frame.message, image, features, recognition)

    def _keep(self, frame: Frame, features: Features | None) -> Kept | None:
        assert self._builder is not None
        kept = self._builder.offer(frame, features)
        if kept is not None:
            self._loops.add(kept.keyframe_id, frame.stamp_ns, frame.pose)
        return kept

    def _tell(self, answered: Answered) -> None:
        recognition, header = answered.recognition, answered.message.header
        locate = self.in_use()[1].locate
        match = place_match_to_message(recognition, header, self.config.map_path, locate)
        self._matches.publish(match)
        self.slam.localized(match)
        self._count(recognition.verdict.name)
        if recognition.cause is not Cause.NONE:
            self._count(f"not localized: {recognition.cause.value}")
        self._display.show(answered)

    def _close_loop(self, kept: Kept, recognition: Recognition, frame: ImageFrame) -> None:
        closure = loop_closure(kept.keyframe_id, recognition)
        if closure is None:
            return
        header = frame.message.header
        message = loop_closure_to_message(closure, header, self.in_use()[1].locate)
        self._closures.publish(message)
        self.slam.closed(message)
        self._count("loop closures")

    def in_use(self) -> tuple[PlaceRecognizer, PlaceMap | MapSet]:
        """What answers images, and the maps that it searches.

        Raises:
            MapError: the node is not configured.
        """
        if self._recognizer is None or self._searched is None:
            raise MapError(f"{self.get_name()} has no map open: configure it first")
        return self._recognizer, self._searched

    def reconfigure(self, config: NodeConfig) -> None:
        """Answer by other thresholds from now on; what a sequence filter believed is forgotten."""
        line = replace(self.pipeline, config=config)
        self._recognizer = line.recognizer(self.in_use()[1])
        self._loops.config = config.loops
        self._display.reconfigure(config, self._recognizer)

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
        old, builder = self.opened_map(), self._builder
        self._map = self.open_map(Path(path).expanduser())
        self.config = replace(self.config, map_path=path)
        if builder is not None:
            builder.finish()
        old.close()

    def facts(self) -> dict[str, str]:
        """What was answered so far, how the map grows, and whether poses come."""
        known = {"mode": self.config.mode}
        known["keyframes"] = "" if self._searched is None else str(len(self._searched))
        if self._hears_poses:
            known |= {
                "pose source": self.config.pose_type,
                "poses refused": str(self._poses.refused),
                "last pose error": self._poses.last_error,
            }
            self._counts.setdefault("frames without pose", 0)
        counts = {name: str(count) for name, count in self._counts.items()}
        return {**known, **counts, **self._display.facts()}

    def _count(self, name: str, happened: bool = True) -> None:
        self._counts[name] = self._counts.get(name, 0) + happened

    def _trigger(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Answer the next image."""
        self._asked = True
        topic = self.resolve_topic_name("image")
        response.success = self.count_publishers(topic) > 0
        response.message = (
            f"the next image is answered; {self.count_publishers(topic)} publish {topic}"
        )
        return response

    def _take_camera(self, message: CameraInfo) -> None:
        self._camera = camera_from_message(message)

    def _take_path(self, message: PathMessage) -> None:
        try:
            path = path_from_message(message)
            self.on_worker(lambda: self._correct(path))
        except VprError as error:
            self.get_logger().error(f"corrected_path: {error}", throttle_duration_sec=1.0)

    def _correct(self, path: list[tuple[int, Pose]]) -> None:
        """Give this drive's keyframes the poses that a SLAM now knows of them."""
        place_map = self.opened_map()
        records = [each for each in place_map.records() if each.session == place_map.session]
        poses = corrections(records, path, self.config.correction_gap)
        place_map.correct_poses(poses)
        self.in_use()[0].reload()
        self._display.markers.map_corrected()
        self._counts["poses corrected"] = len(poses)

    def _other_paths(self, main: Path) -> list[Path]:
        paths = [Path(each).expanduser() for each in self.config.more_maps]
        return [each for each in paths if each.resolve() != main.resolve()]
