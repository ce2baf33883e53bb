# SPDX-License-Identifier: Apache-2.0
"""Both nodes at work, over DDS: a camera at 5 Hz and odometry, as on a robot that drives."""

from __future__ import annotations

import itertools
import time
from array import array
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from vpr_ros.benchmark.process_usage import Usage
from vpr_ros.benchmark.results import Result, median
from vpr_ros.benchmark.scene import Scene
from vpr_ros.datatypes import ImageArray
from vpr_ros.demo.lifecycle_process import LifecycleProcess, NodeCommand, NodeProcessError
from vpr_ros.nodes.conversions import ns_to_stamp, stamp_to_ns
from vpr_ros.nodes.interfaces import PlaceMatch

_RATE_HZ = 5.0
_STEP_M = 1.1  # from frame to frame: every one becomes a keyframe, which is the most work there is
_START_NS = 1_700_000_000 * 10**9
_PATIENCE = 30.0  # seconds for the nodes to be connected, and to account for the last frame
_SAMPLE_S = 1.0
_OVERHEAD_LIMIT_MS = 5.0


class Camera:
    """Publishes images, as a camera driver would: as a DDS participant of its own.

    Fast DDS has 512 kB of shared memory for each participant. The pieces of an image of 900 kB go
    through it and push out small messages that nobody has fetched yet; odometry would be lost.
    """

    def __init__(self, images: list[ImageArray]) -> None:
        self._context = Context()
        rclpy.init(args=[], context=self._context)
        name = "bench_camera"
        self._node = Node(name, context=self._context, start_parameter_services=False)
        self.publisher = self._node.create_publisher(Image, "/image", QoSProfile(depth=5))
        self._messages = itertools.cycle([_image_message(image) for image in images])

    def close(self) -> None:
        """Leave DDS."""
        self._node.destroy_node()
        self._context.try_shutdown()

    def send(self, stamp_ns: int) -> None:
        """The next image."""
        message = next(self._messages)
        message.header.stamp = ns_to_stamp(stamp_ns)
        self.publisher.publish(message)


class Robot(Node):
    """Publishes images and odometry, and listens to what the nodes make of them."""

    def __init__(self, images: list[ImageArray]) -> None:
        super().__init__("bench", start_parameter_services=False)
        self._camera = Camera(images)
        self.latencies_s: list[float] = []
        self.answers: Counter[int] = Counter()  # stamp -> how many
        self.statuses: dict[str, list[dict[str, str]]] = {"mapper": [], "localizer": []}
        self._sent: dict[int, float] = {}  # stamp -> time, monotonic clock
        keep = QoSProfile(depth=1000)
        self._odometry = self.create_publisher(Odometry, "/odom", QoSProfile(depth=50))
        self.create_subscription(PlaceMatch, "/localizer/place_match", self._hear, keep)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear_status, keep)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    @property
    def sent(self) -> int:
        """Images published so far."""
        return len(self._sent)

    def close(self) -> None:
        """Leave DDS."""
        self._camera.close()
        self._executor.shutdown()
        self.destroy_node()

    def send(self) -> None:
        """The next image, with the odometry of its moment."""
        stamp_ns = _START_NS + round(self.sent / _RATE_HZ * 1e9)
        odometry = Odometry()
        odometry.header.stamp, odometry.header.frame_id = ns_to_stamp(stamp_ns), "odom"
        odometry.pose.pose.position.x = _STEP_M * self.sent
        odometry.pose.pose.orientation.w = 1.0
        self._odometry.publish(odometry)
        self._sent[stamp_ns] = time.monotonic()
        self._camera.send(stamp_ns)

    def spin_until(self, end: float) -> None:
        """Handle what arrives before a time of the monotonic clock."""
        while (left := end - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=left)

    def wait_for_nodes(self) -> None:
        """Wait until both nodes hear images, and the mapper odometry."""
        end = time.monotonic() + _PATIENCE
        publishers = ((self._camera.publisher, 2), (self._odometry, 1))
        while any(one.get_subscription_count() < wanted for one, wanted in publishers):
            _check_time(end, "the nodes did not subscribe")
            self.spin_until(time.monotonic() + 0.05)

    def wait_for_the_rest(self) -> None:
        """Wait until both nodes have told what became of every image."""
        end = time.monotonic() + _PATIENCE
        heard = {node: len(statuses) for node, statuses in self.statuses.items()}
        while not all(self._is_complete(node, heard[node]) for node in heard):
            _check_time(end, "the nodes did not account for every image")
            self.spin_until(time.monotonic() + 0.05)

    def count(self, node: str, what: str) -> int:
        """A number of a node's last status, 0 before the first."""
        return int(self.statuses[node][-1].get(what, 0)) if self.statuses[node] else 0

    def _is_complete(self, node: str, heard: int) -> bool:
        """Whether a node, after so many statuses before the end, accounts for what it received."""
        fates = ("processed", "dropped", "failed")
        known = sum(self.count(node, f"frames {fate}") for fate in fates)
        # What DDS itself lost never reached the node. The last image has, if it was not lost, once
        # a whole period of statuses has passed: the first of two may have been on its way.
        is_late = len(self.statuses[node]) >= heard + 2
        return is_late and self.count(node, "frames received") == known > 0

    def _hear(self, message: PlaceMatch) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        self.answers[stamp_ns] += 1
        self.latencies_s.append(time.monotonic() - self._sent[stamp_ns])

    def _hear_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            node = status.name.rpartition(" ")[2]
            if node in self.statuses:
                self.statuses[node].append({pair.key: pair.value for pair in status.values})


@dataclass(frozen=True)
class Drive:
    """What was seen of both nodes during a drive, by the name of the node."""

    robot: Robot
    usage: dict[str, Usage]
    peaks_mb: dict[str, float]  # the most memory that it had

    def numbers(self, node: str, what: str) -> list[float]:
        """A number of every status of a node since its first frame."""
        return [float(status[what]) for status in self.robot.statuses[node] if what in status]


def drive(scene: Scene, scratch: Path, seconds: float) -> Drive:
    """Let mapper and localizer work side by side; NodeProcessError if one failed."""
    robot = Robot(scene.queries)
    try:
        mapper = _process("mapper", scratch / "live.vprmap", scratch)
        localizer = _process("localizer", scene.map_path, scratch)
        with mapper, localizer:
            for process in (mapper, localizer):
                process.configure()
                process.activate()
            robot.wait_for_nodes()
            usage = _drive(robot, (mapper, localizer), seconds)
            robot.wait_for_the_rest()
            peaks = {name: one.peak_mb for name, one in usage.items()}
        return Drive(robot, usage, peaks)
    finally:
        robot.close()


def live_results(drive: Drive) -> list[Result]:
    """Frames answered and lost, latency, overhead, memory and processor time."""
    robot = drive.robot
    lost = robot.sent - len(robot.answers)
    twice = sum(robot.answers.values()) - len(robot.answers)
    unmapped = robot.sent - robot.count("mapper", "frames processed")
    latencies_ms = 1e3 * np.array(robot.latencies_s)
    low, high = np.percentile(latencies_ms, [50.0, 99.0])
    period = 1e3 / _RATE_HZ
    return [
        Result("frames sent at 5 Hz to both nodes", robot.sent, "frames"),
        Result("frames that the localizer did not answer", lost, "frames"),
        Result("frames that it answered twice", twice, "frames"),
        Result("frames that the mapper did not handle", unmapped, "frames"),
        Result("image to match over DDS, median", float(low), "ms", period, "a frame at 5 Hz"),
        Result("image to match over DDS, 99 %", float(high), "ms", period, "a frame at 5 Hz"),
        *[result for node in drive.usage for result in _node_results(drive, node)],
    ]


def _node_results(drive: Drive, node: str) -> list[Result]:
    usage = drive.usage[node]
    overhead = median(drive.numbers(node, "overhead median [ms]"))
    gained, keyframes, seconds = usage.growth()
    over = f"in {seconds / 60.0:.1f} min"
    over += f" and {keyframes:.0f} keyframes" if keyframes else ""
    return [
        Result(f"{node}: own overhead a frame", overhead, "ms", _OVERHEAD_LIMIT_MS, "its limit"),
        Result(f"{node}: processor cores in use", usage.cores, "cores"),
        Result(f"{node}: peak memory", drive.peaks_mb[node], "MB"),
        Result(f"{node}: memory gained {over}", gained, "MB"),
    ]


def _drive(
    robot: Robot, processes: tuple[LifecycleProcess, ...], seconds: float
) -> dict[str, Usage]:
    usage = {process.name: Usage(process.pid) for process in processes}
    begun = sampled = time.monotonic()
    for number in range(max(1, round(seconds * _RATE_HZ))):
        robot.spin_until(begun + number / _RATE_HZ)
        robot.send()
        if time.monotonic() - sampled >= _SAMPLE_S:
            sampled = time.monotonic()
            for name, one in usage.items():
                one.sample(robot.count(name, "keyframes"))
    return usage


def _process(kind: str, map_path: Path, scratch: Path) -> LifecycleProcess:
    parameters = {"map_path": str(map_path), "reliability": "reliable"}
    command = NodeCommand(f"vpr_ros.nodes.{kind}_node", kind, parameters)
    return LifecycleProcess(command, scratch / f"{kind}.log")


def _image_message(image: ImageArray) -> Image:
    height, width = image.shape[:2]
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    message.header.frame_id = "camera"
    message.data = array("B", image.tobytes())
    return message


def _check_time(end: float, what: str) -> None:
    if time.monotonic() > end:
        raise NodeProcessError(f"{what} within {_PATIENCE:g} s")
