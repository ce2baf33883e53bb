# SPDX-License-Identifier: Apache-2.0
"""What a node tells the world of a step: matches, loop closures, timings, and what people see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rclpy.lifecycle import Node as LifecycleNode
from std_msgs.msg import Header

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Cause, LoopClosure, Pose, Recognition
from vpr_ros.nodes.conversions import (
    frame_timings_to_message,
    loop_closure_to_message,
    place_match_to_message,
)
from vpr_ros.nodes.display.answered import Answered
from vpr_ros.nodes.display.display import Display, Timed
from vpr_ros.nodes.inputs import ImageMessage
from vpr_ros.nodes.interfaces import FrameTimings, PlaceMatch
from vpr_ros.nodes.interfaces import LoopClosure as LoopClosureMessage
from vpr_ros.nodes.slam import SlamAdapters, connect
from vpr_ros.nodes.tf.camera_mounts import CameraMounts
from vpr_ros.nodes.tf.map_to_odom import MapToOdom
from vpr_ros.pipeline import Pipeline
from vpr_ros.route.session import Outcome, Session


class Outputs:
    """Topics, SLAM stacks, TF, pictures and markers of a node."""

    def __init__(self, node: LifecycleNode, timed: Timed) -> None:
        """Announce the topics.

        Args:
            node: whose they are.
            timed: told what took how many seconds beside the answers.
        """
        self._node = node
        self._matches = node.create_lifecycle_publisher(PlaceMatch, "~/place_match", 10)
        self._closures = node.create_lifecycle_publisher(LoopClosureMessage, "~/loop_closure", 10)
        self._timings = node.create_lifecycle_publisher(FrameTimings, "~/timings", 10)
        self._display = Display(node, timed)
        self._slam = SlamAdapters()
        self._broadcaster = SlamAdapters()  # of TF, while the node is active
        self._counts: Counter[str] = Counter()
        self._no_pose = ""  # why the last accepted answer has none
        self._session: Session | None = None

    def connect(self, config: NodeConfig, mounts: CameraMounts) -> None:
        """Find the SLAM stacks that the settings name.

        Raises:
            ConfigError: one of them cannot be spoken to.
        """
        self._slam = connect(self._node, config, mounts)

    def open(self, config: NodeConfig, pipeline: Pipeline, session: Session) -> None:
        """Tell of another map from now on."""
        self._session, self._counts, self._no_pose = session, Counter(), ""
        self._display.open(config, pipeline, session)

    def start(self, config: NodeConfig, odometry: Callable[[int], Pose | None]) -> None:
        """The node begins to handle images.

        Args:
            config: the settings.
            odometry: the robot's pose at a stamp in nanoseconds, where odometry knows it.

        Raises:
            ConfigError: tf2_ros is needed, and not installed.
        """
        self._slam.activate()
        self._display.start()
        if config.tf.broadcast:
            self._broadcaster = SlamAdapters([MapToOdom(self._node, config, odometry)])

    def stop(self) -> None:
        """The node handles no more images."""
        self._broadcaster.close()
        self._display.stop()

    def close(self) -> None:
        """Forget the map and the stacks."""
        self.stop()
        self._slam.close()
        self._display.close()
        self._session = None

    def reconfigure(self, config: NodeConfig) -> None:
        """Take over settings that may change while the node runs."""
        self._display.reconfigure(config)

    def tell(self, image: ImageMessage, outcome: Outcome) -> None:
        """Publish everything that a step led to."""
        header = image.message.header
        if outcome.recognition is not None:
            self._tell_answer(header, outcome.recognition)
            self._display.show(Answered.of(image.message, outcome))
        elif outcome.nothing_shown:
            self._counts[f"not kept: {Cause.NOTHING_SHOWN.value}"] += 1
        if outcome.closure is not None:
            self._tell_closure(header, outcome.closure)
        if outcome.not_closed:
            self._counts["loops against odometry"] += 1
        self._display.follow_map()

    def tell_timings(self, header: Header, timings_s: dict[str, float]) -> None:
        """Publish how long an image took, if somebody wants to know."""
        if self._timings.get_subscription_count():
            self._timings.publish(frame_timings_to_message(header, timings_s))

    def map_corrected(self, keyframes: int) -> None:
        """So many keyframes have poses of a corrected path."""
        self._counts["poses corrected"] = keyframes
        self._display.map_corrected()

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        counts = {name: str(count) for name, count in self._counts.items()}
        return {
            **counts,
            **({"last pose not measured": self._no_pose} if self._no_pose else {}),
            **self._display.facts(),
            **self._broadcaster.facts(),
            **self._slam.facts(),
        }

    def warnings(self) -> list[str]:
        """What diagnostics should warn of."""
        return self._slam.warnings()

    def match_message(self, header: Header, recognition: Recognition) -> PlaceMatch:
        """The message of an answer from the map in use."""
        assert self._session is not None
        return place_match_to_message(recognition, header, self._session.maps)

    def _tell_answer(self, header: Header, recognition: Recognition) -> None:
        self._matches.publish(self.match_message(header, recognition))
        self._slam.localized(recognition)
        self._broadcaster.localized(recognition)
        self._counts[recognition.verdict.name] += 1
        if recognition.cause is not Cause.NONE:
            self._counts[f"not localized: {recognition.cause.value}"] += 1
        elif recognition.pose is not None:
            self._counts["poses measured"] += 1
        else:
            self._counts["poses not measured"] += 1
            self._no_pose = recognition.pose_reason

    def _tell_closure(self, header: Header, closure: LoopClosure) -> None:
        assert self._session is not None
        self._closures.publish(loop_closure_to_message(closure, header, self._session.maps))
        self._slam.closed(closure)
        self._counts["loop closures"] += 1
