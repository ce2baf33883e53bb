# SPDX-License-Identifier: Apache-2.0
"""The two acts of a demonstration over DDS: a mapper learns a drive, a localizer answers one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from vpr_ros.datatypes import (
    Candidate,
    Comparison,
    KeyframeKey,
    KeyframeRecord,
    Pose,
    PoseEstimate,
    Recognition,
    Verdict,
)
from vpr_ros.demo.drives import Drive
from vpr_ros.demo.lifecycle_process import LifecycleProcess, NodeCommand
from vpr_ros.errors import VprError
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.interfaces import FrameTimings, GetMapInfo, PlaceCandidate, PlaceMatch

_SILENCE = 2.0  # seconds without news after which nothing more is expected
_REPORT_PERIOD = 5.0  # seconds between two lines about the growing map

Say = Callable[[str], None]


class DemoNode(Node):
    """Listens to the localizer."""

    def __init__(self) -> None:
        super().__init__("demo", start_parameter_services=False)
        self._answers: list[Recognition] = []
        self._timings: dict[int, dict[str, float]] = {}  # by the image's stamp
        self._told: Callable[[Recognition], None] | None = None
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def listen(self, localizer: str, told: Callable[[Recognition], None]) -> None:
        """Collect the answers of a localizer; ``told`` hears of each."""
        self._told = told
        # The queue holds a whole drive: this process may be busy while answers arrive.
        qos = QoSProfile(depth=10000)
        self.create_subscription(PlaceMatch, f"/{localizer}/place_match", self._take, qos)
        self.create_subscription(FrameTimings, f"/{localizer}/timings", self._take_timings, qos)

    @property
    def count(self) -> int:
        """Answers so far."""
        return len(self._answers)

    def answers(self) -> list[Recognition]:
        """All answers in the order they came, with the time that each took."""
        return [
            replace(answer, timings_s=self._timings.get(answer.stamp_ns, {}))
            for answer in self._answers
        ]

    def spin_for(self, seconds: float) -> None:
        """Handle what arrives within the next seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=left)

    def _take(self, message: PlaceMatch) -> None:
        answer = recognition_from_message(message)
        self._answers.append(answer)
        if self._told is not None:
            self._told(answer)

    def _take_timings(self, message: FrameTimings) -> None:
        seconds = map(float, message.seconds)
        stamp_ns = stamp_to_ns(message.header.stamp)
        self._timings[stamp_ns] = dict(zip(message.stages, seconds, strict=True))


def recognition_from_message(message: PlaceMatch) -> Recognition:
    """The answer that a localizer sent."""
    return Recognition(
        stamp_ns=stamp_to_ns(message.header.stamp),
        verdict=Verdict(message.verdict),
        reason=message.reason,
        probability=float(message.probability),
        candidates=tuple(map(_candidate, message.candidates)),
        timings_s={},
        pose=_measured(message) if message.has_pose else None,
    )


def _measured(message: PlaceMatch) -> PoseEstimate:
    """The pose that was measured; the message does not tell by how many points."""
    p, q = message.pose.pose.position, message.pose.pose.orientation
    pose = Pose((p.x, p.y, p.z), (q.x, q.y, q.z, q.w), message.pose_frame_id)
    covariance = np.array(message.pose.covariance, np.float32).reshape(6, 6)
    return PoseEstimate(pose, covariance, -1, ())


def _candidate(message: PlaceCandidate) -> Candidate:
    stamp_ns = stamp_to_ns(message.stamp)
    key = KeyframeKey(message.map_id, int(message.keyframe_id))
    record = KeyframeRecord(key, message.session, stamp_ns, None)
    comparison = Comparison(float(message.rerank_score), int(message.inliers))
    return Candidate(record, float(message.similarity), comparison)


def learn(drive: Drive, map_path: Path, rate: float, say: Say) -> None:
    """Replay a drive into a mapper that writes a new map; VprError if either failed."""
    parameters = {"map_path": str(map_path), **drive.parameters(), **drive.pose_parameters()}
    command = NodeCommand("vpr_ros.nodes.mapper_node", "mapper", parameters, drive.remappings())
    with LifecycleProcess(command, map_path.parent / "mapper.log") as mapper:
        mapper.configure()
        mapper.activate()
        with _replaying(drive, rate, map_path.parent / "replay_map.log") as is_playing:
            _watch_growth(mapper, is_playing, say)
        mapper.deactivate()
        mapper.cleanup()
        mapper.shutdown()


def localize(
    drive: Drive, map_path: Path, rate: float, told: Callable[[Recognition], None]
) -> list[Recognition]:
    """Replay a drive into a localizer; every answer in the order it came; VprError if it failed."""
    parameters = {"map_path": str(map_path), **drive.parameters()}
    command = NodeCommand(
        "vpr_ros.nodes.localizer_node", "localizer", parameters, drive.remappings()
    )
    node = DemoNode()
    try:
        with LifecycleProcess(command, map_path.parent / "localizer.log") as localizer:
            localizer.configure()
            node.listen(localizer.name, told)
            localizer.activate()
            with _replaying(drive, rate, map_path.parent / "replay_query.log") as is_playing:
                while is_playing():
                    node.spin_for(0.1)
            _await_last_answers(node, drive.image.count)
            localizer.deactivate()
            localizer.shutdown()
    finally:
        node.destroy_node()
    return node.answers()


@contextmanager
def _replaying(drive: Drive, rate: float, log: Path) -> Iterator[Callable[[], bool]]:
    """Replay a drive as a process; gives what tells whether it plays. VprError if it failed."""
    words = [sys.executable, "-m", "vpr_ros.demo.replay.replay_node", str(drive.bag)]
    words += ["--rate", str(rate), "--wait-for-subscribers", "20", "--topics", *drive.replayed]
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield lambda: process.poll() is None
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    if process.returncode:
        text = log.read_text("utf-8", errors="replace").strip()
        raise VprError(f"the replay of {drive.bag} failed ({process.returncode}): {text[-2000:]}")


def _watch_growth(mapper: LifecycleProcess, is_playing: Callable[[], bool], say: Say) -> None:
    """Report keyframes until the replay ended and the last of its images are in the map."""
    begun = reported = grown = time.monotonic()
    count = 0
    while is_playing() or time.monotonic() - grown < _SILENCE:
        time.sleep(0.2)
        now, before = time.monotonic(), count
        count = _keyframes(mapper)
        grown = now if is_playing() or count != before else grown
        if now - reported >= _REPORT_PERIOD and is_playing():
            reported = now
            say(f"{now - begun:7.1f} s  {count:4d} keyframes")
    say(f"{'':9}  {count:4d} keyframes in the map")


def _keyframes(mapper: LifecycleProcess) -> int:
    return int(mapper.request(GetMapInfo, "get_map_info", GetMapInfo.Request()).keyframes)


def _await_last_answers(node: DemoNode, expected: int) -> None:
    """Return when every image is answered, or nothing has come for a while."""
    quiet_since, count = time.monotonic(), node.count
    while node.count < expected and time.monotonic() - quiet_since < _SILENCE:
        node.spin_for(0.1)
        if node.count != count:
            quiet_since, count = time.monotonic(), node.count
    node.spin_for(0.3)  # an answer too many would come now
