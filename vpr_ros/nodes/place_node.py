# SPDX-License-Identifier: Apache-2.0
"""What the mapper and the localizer share: image input, worker, map, lifecycle, diagnostics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import Node as LifecycleNode
from rclpy.lifecycle import State, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image

from vpr_ros.backends.options import Hooks
from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Camera, ImageArray
from vpr_ros.errors import ConfigError, MapError, VprError
from vpr_ros.nodes.camera_inputs import CameraInput, camera_inputs
from vpr_ros.nodes.conversions import image_from_message, stamp_to_ns
from vpr_ros.nodes.diagnostics import Health, InputState, TopicState
from vpr_ros.nodes.image_subscription import ImageSubscription
from vpr_ros.nodes.offered_subscription import OfferedSubscription
from vpr_ros.nodes.opened_map import OpenedMap
from vpr_ros.nodes.parameters import changed_parameters, declare_parameters, read_parameters
from vpr_ros.nodes.slam import SlamAdapters, connect
from vpr_ros.nodes.statistics import FrameStatistics
from vpr_ros.nodes.tf.camera_mounts import CameraMounts
from vpr_ros.nodes.tf.tf_link import check_tf
from vpr_ros.nodes.worker import FrameWorker
from vpr_ros.pipeline import Pipeline, build

R = TypeVar("R")

# Stages that are the pipeline's or spent waiting; what is left of a frame's time is "overhead".
_NOT_OVERHEAD = {"wait", "pose", "extract", "retrieve", "rerank", "sequence", "map"}


@dataclass(frozen=True)
class ImageFrame:
    """An image message on its way to the worker."""

    message: Image | CompressedImage
    arrival: float  # seconds, monotonic clock
    camera: CameraInput
    mounts: CameraMounts

    @property
    def stamp_ns(self) -> int:
        """The image's stamp."""
        return stamp_to_ns(self.message.header.stamp)

    @property
    def seen_by(self) -> Camera | None:
        """What is known of the camera."""
        return self.camera.seen_in(self.message.header.frame_id, self.mounts)


class PlaceNode(LifecycleNode):
    """A lifecycle node that feeds images to one thread, which owns the model and the map.

    configure loads the model and opens the map, activate subscribes, deactivate finishes the frame
    in hand, cleanup closes the map. Parameters are read when configuring.
    """

    def __init__(self, name: str, defaults: NodeConfig) -> None:
        super().__init__(name)
        self._defaults = defaults
        self.config = defaults
        self._pipeline: Pipeline | None = None
        self._opened: OpenedMap | None = None
        self.cameras = camera_inputs(defaults)
        self.slam = SlamAdapters()
        self._mounts: CameraMounts | None = None
        self._worker: FrameWorker[ImageFrame] | None = None
        self._images: dict[str, ImageSubscription] = {}  # by the camera's topic
        self._inputs: list[OfferedSubscription] = []
        self._statistics = FrameStatistics()
        self._refused = ""  # why the last transition failed
        self.ending = threading.Event()  # set when the process is asked to end
        # The name as started: two localizers must not speak for each other in /diagnostics.
        self._health = Health(f"vpr_ros: {self.get_fully_qualified_name().lstrip('/')}")
        declare_parameters(self, defaults)
        self.add_on_set_parameters_callback(self._change_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # A clock that always runs: a stopped /clock is a thing diagnostics must be able to tell.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)

    # What a node adds. All but the first run on the worker's thread or while there is none.

    def open_map(self, path: Path) -> OpenedMap:
        """Open the map as this node needs it."""
        raise NotImplementedError

    def process(self, image: ImageArray, frame: ImageFrame) -> dict[str, float]:
        """Do the node's job with one image; returns the seconds of each stage."""
        raise NotImplementedError

    def reconfigure(self, config: NodeConfig) -> None:
        """Take over settings that may change while the node runs."""

    def facts(self) -> dict[str, str]:
        """What else diagnostics should show."""
        return {}

    # Lifecycle.

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Read the parameters, load the model, open the map."""
        return self._attempt("configure", self.configure)

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Start the worker and listen."""
        self._worker = FrameWorker(self._handle, self._failed)
        self.slam.activate()
        self.subscribe()
        return super().on_activate(state)

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Stop listening, finish what is in hand."""
        result = self._attempt("deactivate", self.stop)
        super().on_deactivate(state)
        return result

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Close the map, forget the model."""
        return self._attempt("clean up", self.close)

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Leave nothing open, from whatever state."""
        return self._attempt("shut down", self.close)

    def configure(self) -> None:
        """Build the pipeline that the parameters describe and open its map."""
        self._statistics = FrameStatistics()
        self.config = read_parameters(self, self._defaults)
        check_tf(self.config)
        self.cameras = camera_inputs(self.config)
        with ExitStack() as undo:
            mounts = undo.enter_context(closing(CameraMounts(self, self.config.tf.base_frame)))
            self.slam = undo.enter_context(closing(connect(self, self.config, mounts)))
            self._mounts = mounts
            undo.callback(self._forget)
            # Building a TensorRT engine takes minutes on some robots.
            self._pipeline = build(self.config, Hooks(stop=self.ending.is_set))
            self._opened = self.open_map(Path(self.config.map_path).expanduser())
            undo.pop_all()
        keyframes = len(self._opened.place_map)
        self.get_logger().info(f"{self.config.map_path}: {keyframes} keyframes, {self._backend()}")

    def subscribe(self) -> None:
        """Start to listen to the cameras."""
        transport, reliability = self.config.image_transport, self.config.reliability
        for camera in self.cameras:
            take = partial(self._take, camera)
            images = ImageSubscription(self, camera, transport, reliability, take)
            self._images[camera.topic] = images

    def listen(self, kind: type, topic: str, callback: Callable[[Any], None]) -> None:
        """Subscribe for as long as the node is active."""
        reliability = self.config.reliability
        self._inputs.append(OfferedSubscription(self, kind, topic, callback, reliability))

    def stop(self) -> None:
        """Stop listening and wait for the worker."""
        while self._images:
            self._images.popitem()[1].stop()
        while self._inputs:
            self._inputs.pop().stop()
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def close(self) -> None:
        """Stop, and close the maps."""
        try:
            self.stop()
        finally:
            self.slam.close()
            if self._mounts is not None:
                self._mounts.close()
            if self._opened is not None:
                self._opened.close()
            self._forget()

    def _forget(self) -> None:
        """Without model and map, the node is not configured."""
        self._opened, self._pipeline = None, None

    def on_worker(self, function: Callable[[], R]) -> R:
        """Run something that touches the map: between two frames, or now if there are none."""
        return self._worker.call(function) if self._worker is not None else function()

    def _change_parameters(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        """Refuse what cannot work, and take over the rest at once, between two frames."""
        try:
            running = self._pipeline is not None
            config = changed_parameters(self.config, parameters, running)
            if running:
                self.on_worker(lambda: self.reconfigure(config))
        except VprError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.config = config
        return SetParametersResult(successful=True)

    def _attempt(self, what: str, step: Callable[[], None]) -> TransitionCallbackReturn:
        self._refused = ""
        try:
            step()
        except VprError as error:
            self._refused = f"cannot {what}: {error}"
            self.get_logger().error(self._refused)
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    # Frames.

    def wants(self) -> bool:
        """Whether the image that just came should be handled at all."""
        return True

    def _take(self, camera: CameraInput, message: Image | CompressedImage) -> None:
        if not self.wants():
            return
        if self._mounts is None:
            return
        frame = ImageFrame(message, time.monotonic(), camera, self._mounts)
        if not self._statistics.arrive(frame.stamp_ns, frame.arrival, camera.topic):
            return
        if self._worker is not None and not self._worker.offer(frame, camera.topic):
            self._statistics.drop()

    def _handle(self, frame: ImageFrame) -> None:
        start = time.monotonic()
        image = image_from_message(frame.message)
        decoded = time.monotonic()
        timings = {"wait": start - frame.arrival, "decode": decoded - start}
        timings.update(self.process(image, frame))
        total = time.monotonic() - frame.arrival
        others = sum(seconds for stage, seconds in timings.items() if stage in _NOT_OVERHEAD)
        self._statistics.done({**timings, "overhead": total - others, "total": total})

    def _failed(self, frame: ImageFrame, error: Exception) -> None:
        reason = str(error) if isinstance(error, VprError) else f"{type(error).__name__}: {error}"
        self._statistics.fail(reason)
        self.get_logger().error(f"frame skipped: {reason}", throttle_duration_sec=1.0)

    # Reports.

    def _backend(self) -> str:
        if self._pipeline is None:
            return ""
        return self._pipeline.description

    def _publish_diagnostics(self) -> None:
        topics = tuple(self._topic_state(camera) for camera in self.cameras)
        source = InputState(topics, self._worker is not None, self._refused)
        facts = {"backend": self._backend(), "map": self.config.map_path}
        for images in self._images.values():
            facts.update(images.facts())
        facts.update({**self.facts(), **self.slam.facts()})
        status = self._health.report(self._statistics, source, facts, time.monotonic())
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _topic_state(self, camera: CameraInput) -> TopicState:
        name = self.resolve_topic_name(camera.images_name(self, self.config.image_transport))
        publishers = self.count_publishers(name)
        last_arrival = self._statistics.last_arrival(camera.topic)
        images = self._images.get(camera.topic)
        if images is None:
            return TopicState(name, publishers, last_arrival)
        return TopicState(name, publishers, last_arrival, images.lost, images.remedy())

    @property
    def pipeline(self) -> Pipeline:
        """The model in use.

        Raises:
            ConfigError: the node is not configured.
        """
        if self._pipeline is None:
            raise ConfigError(f"{self.get_name()} has no model loaded: configure it first")
        return self._pipeline

    def in_use(self) -> OpenedMap:
        """The map in use.

        Raises:
            MapError: the node is not configured.
        """
        if self._opened is None:
            raise MapError(f"{self.get_name()} has no map open: configure it first")
        return self._opened
