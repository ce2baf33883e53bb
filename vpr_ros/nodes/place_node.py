# SPDX-License-Identifier: Apache-2.0
"""The node: it learns a route, finds itself on one, or does both at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path as PathMessage
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import Node as LifecycleNode
from rclpy.lifecycle import State, TransitionCallbackReturn
from rclpy.parameter import Parameter

from vpr_ros.backends.options import Hooks
from vpr_ros.config import LOCALIZE, NodeConfig
from vpr_ros.datatypes import Pose
from vpr_ros.errors import MapError, VprError
from vpr_ros.nodes.conversions import path_from_message
from vpr_ros.nodes.diagnostics import Health
from vpr_ros.nodes.health_log import HealthLog
from vpr_ros.nodes.inputs import ImageMessage, Inputs
from vpr_ros.nodes.map_services import MapServices
from vpr_ros.nodes.outputs import Outputs
from vpr_ros.nodes.parameters import changed_parameters, declare_parameters, read_parameters
from vpr_ros.nodes.statistics import FrameStatistics, with_overhead
from vpr_ros.nodes.tf.tf_settings import check_tf
from vpr_ros.nodes.topic_states import InputState
from vpr_ros.nodes.worker import FrameWorker, run_on
from vpr_ros.pipeline import Pipeline, build
from vpr_ros.route.session import Session

R = TypeVar("R")

# Launch files give a process five seconds from being asked to end until it is killed.
_CALIBRATING_S = 3.0


class PlaceNode(LifecycleNode):
    """A lifecycle node that feeds images to one thread, which owns the model and the map.

    configure loads the model and opens the map, activate subscribes, deactivate finishes the frame
    in hand, cleanup closes the map. Parameters are read when configuring. No callback waits for the
    worker: it may be waiting for a pose that only the thread of the callbacks can bring.
    """

    def __init__(self, name: str, defaults: NodeConfig) -> None:
        # Declared by what it was started with, so that names that nobody knows can be told.
        super().__init__(name, automatically_declare_parameters_from_overrides=True)
        self._defaults = defaults
        self.config = defaults
        self._pipeline: Pipeline | None = None
        self._session: Session | None = None
        self._inputs: Inputs | None = None
        self._worker: FrameWorker[ImageMessage] | None = None
        self._statistics = FrameStatistics()
        self._asked = False  # whether the next image is to be answered, if not every image is
        self._refused = ""  # why the last transition failed
        self.ending = threading.Event()  # set when the process is asked to end
        # The name as started: two localizers must not speak for each other in /diagnostics.
        self._health = Health(f"vpr_ros: {self.get_fully_qualified_name().lstrip('/')}")
        self._health_log = HealthLog(self.get_logger())
        if unknown := declare_parameters(self, defaults):
            self.get_logger().warning(unknown)
        self.add_on_set_parameters_callback(self._change_parameters)
        self.outputs = Outputs(self, lambda what, took: self._statistics.note(what, took))
        self._map_services = MapServices(self, self)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # A clock that always runs: a stopped /clock is a thing diagnostics must be able to tell.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)

    # Lifecycle.

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Read the parameters, load the model, open the map."""
        return self._attempt("configure", self._configure)

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Start the worker and listen."""
        result = self._attempt("activate", self._start)
        return super().on_activate(state) if result is TransitionCallbackReturn.SUCCESS else result

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Stop listening, finish what is in hand, make it durable."""
        result = self._attempt("deactivate", self._stop)
        super().on_deactivate(state)
        return result

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Close the map, forget the model."""
        return self._attempt("clean up", self.close)

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Leave nothing open, from whatever state."""
        return self._attempt("shut down", self.close)

    def _configure(self) -> None:
        self._statistics = FrameStatistics()
        self.config = read_parameters(self, self._defaults)
        check_tf(self.config)
        with ExitStack() as undo:
            undo.callback(self._forget)
            self._inputs = undo.enter_context(closing(Inputs(self, self.config)))
            undo.callback(self.outputs.close)
            self.outputs.connect(self.config, self._inputs.mounts)
            # Building a TensorRT engine takes minutes on some robots.
            self._pipeline = build(self.config, Hooks(stop=self.ending.is_set))
            session = undo.enter_context(closing(self._opened(self.config.map_path)))
            self._use(session)
            undo.pop_all()
        keyframes = len(session.maps.place_map)
        self.get_logger().info(f"{self.config.map_path}: {keyframes} keyframes, {self._backend()}")

    def _start(self) -> None:
        inputs = self._inputs
        if inputs is None:
            raise MapError(f"{self.get_name()} has no map open: configure it first")
        with ExitStack() as undo:
            self._worker = worker = FrameWorker(
                self.process, self._failed, inputs.waiting(), lambda: self._statistics.drop()
            )
            undo.callback(self._stop)
            self.outputs.start(self.config, lambda stamp_ns: inputs.pose_at(stamp_ns, 0.0))
            inputs.start(self._take, self._take_path, worker.wake)
            undo.pop_all()

    def _stop(self) -> None:
        """Stop listening, finish the frame in hand, and make everything durable."""
        if self._inputs is not None:
            self._inputs.stop()
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        if self._inputs is not None:
            self._inputs.leave_tf()
        self.outputs.stop()
        if self._session is not None:
            self._session.finish(_patience())

    def close(self) -> None:
        """Stop, and close the maps."""
        try:
            self._stop()
        finally:
            self.outputs.close()
            if self._inputs is not None:
                self._inputs.close()
            if self._session is not None:
                self._session.close()
            self._forget()

    def _forget(self) -> None:
        """Without model and map, the node is not configured."""
        self._session, self._pipeline, self._inputs = None, None, None

    def _attempt(self, what: str, step: Callable[[], None]) -> TransitionCallbackReturn:
        self._refused = ""
        try:
            step()
        except Exception as error:  # rclpy would swallow it without a word
            self._refused = f"cannot {what}: {_in_words(error)}"
            self.get_logger().error(self._refused)
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    # The worker, and what is handed over to it.

    def process(self, image: ImageMessage) -> None:
        """Take an image as a frame of the drive, and tell what came of it; on the worker."""
        inputs, session = self._inputs, self.session()
        assert inputs is not None
        frame, timings_s = inputs.frame(image)
        outcome = session.step(frame)
        self.outputs.tell(image, outcome)
        total = time.monotonic() - image.arrival
        timings_s = {**timings_s, **outcome.timings_s, "total": total}
        self.outputs.tell_timings(image.message.header, timings_s)
        self._statistics.done(with_overhead(timings_s))

    def on_worker(self, function: Callable[[], R]) -> Future[R]:
        """Run something that touches the map: between two frames, or now if there are none."""
        return run_on(self._worker, function)

    def replace_map(self, path: str) -> None:
        """Use another map: if it is refused, the old one stays in use.

        Raises:
            MapError: the map cannot be used, or the node is not configured.
        """
        old = self.session()
        self._use(self._opened(path))
        self.config = replace(self.config, map_path=path)
        old.finish(_patience())
        old.close()

    def session(self) -> Session:
        """The drive through the map in use.

        Raises:
            MapError: the node is not configured.
        """
        if self._session is None:
            raise MapError(f"{self.get_name()} has no map open: configure it first")
        return self._session

    def answer_next(self) -> dict[str, int]:
        """Answer the next image, if not every image is; tells how many publish each topic."""
        self._asked = True
        return self._inputs.publishers() if self._inputs is not None else {}

    def _opened(self, path: str) -> Session:
        config = self.config
        assert self._pipeline is not None
        return self._pipeline.open_session(
            Path(path).expanduser(),
            config.mode,
            name=config.session,
            more_maps=[Path(name).expanduser() for name in config.more_maps],
            has_odometry=config.has_odometry,
        )

    def _use(self, session: Session) -> None:
        assert self._pipeline is not None
        self._session = session
        self.outputs.open(self.config, self._pipeline, session)

    def _change_parameters(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        """Refuse what cannot work; the rest is taken over between two frames."""
        try:
            config = changed_parameters(self.config, parameters, self._session is not None)
        except VprError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.config = config
        if self._session is not None:
            self._hand_over("parameters", lambda: self._reconfigure(config))
        return SetParametersResult(successful=True)

    def _reconfigure(self, config: NodeConfig) -> None:
        assert self._pipeline is not None
        self._pipeline = self._pipeline.reconfigured(config, self.session())
        self.outputs.reconfigure(config)

    def _take_path(self, message: PathMessage) -> None:
        try:
            path = path_from_message(message)
        except VprError as error:
            self._report("corrected_path", error)
            return
        self._hand_over("corrected_path", lambda: self._correct(path))

    def _correct(self, path: list[tuple[int, Pose]]) -> None:
        self.outputs.map_corrected(self.session().correct(path, self.config.correction_gap))

    def _hand_over(self, what: str, function: Callable[[], None]) -> None:
        """Have something done between two frames, of which nobody waits for the end."""

        def report(done: Future[None]) -> None:
            if (error := done.exception()) is not None:
                self._report(what, error)

        self.on_worker(function).add_done_callback(report)

    # Frames.

    def _take(self, image: ImageMessage) -> None:
        topic = image.camera.topic
        if not self._wants() or self._worker is None:
            self._statistics.see(image.arrival, topic)
            return
        if not self._statistics.arrive(image.stamp_ns, image.arrival, topic):
            return
        if not self._worker.offer(image, topic):
            self._statistics.drop()

    def _wants(self) -> bool:
        """Every image, or in mode localize those that were asked for, if so set."""
        if self.config.mode != LOCALIZE or self.config.answer == "every":
            return True
        asked, self._asked = self._asked, False
        return asked

    def _failed(self, image: ImageMessage, error: Exception) -> None:
        self._statistics.fail(_in_words(error))
        self._report("frame skipped", error)

    # Reports.

    def _report(self, what: str, error: BaseException) -> None:
        self.get_logger().error(f"{what}: {_in_words(error)}", throttle_duration_sec=1.0)

    def _backend(self) -> str:
        return "" if self._pipeline is None else self._pipeline.description

    def _publish_diagnostics(self) -> None:
        inputs, session = self._inputs, self._session
        own = self._worker is not None, self._refused
        source = InputState((), *own) if inputs is None else inputs.state(self._statistics, *own)
        facts = {
            "backend": self._backend(),
            "map": self.config.map_path,
            "mode": self.config.mode,
            "keyframes": "" if session is None else str(len(session.maps.searched)),
            **({} if session is None else session.conditions()),
            **({} if inputs is None else inputs.facts()),
            **self.outputs.facts(),
        }
        now, warnings = time.monotonic(), self.outputs.warnings()
        self._health_log.look(source, now)
        status = self._health.report(self._statistics, source, facts, now, warnings)
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def _patience() -> Callable[[], bool]:
    """Whether the time for calibrating a map is over; what is left of it is done next time."""
    end = time.monotonic() + _CALIBRATING_S
    return lambda: time.monotonic() > end


def _in_words(error: BaseException) -> str:
    return str(error) if isinstance(error, VprError) else f"{type(error).__name__}: {error}"
