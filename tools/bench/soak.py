# SPDX-License-Identifier: Apache-2.0
"""A long run over DDS: a bag in a loop, two nodes that are taken down and up again, and what wears.

    python tools/bench/soak.py --map-bag BAG --query-bag BAG --minutes 20

A localizer with the sequence filter answers the query bag from a map of the other one; each minute
it is deactivated, cleaned up, configured and activated. A mapper in mode slam learns the same
images into a map of its own, which grows with each lap; each minute it is deactivated and
activated, and its map is saved to a copy, which must be whole. Memory and latency of the last third
are held against those of the first.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import rclpy
from lifecycle_msgs.msg import State
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from vpr_ros.benchmark.process_usage import Usage
from vpr_ros.cli.main import main as vpr
from vpr_ros.config import PipelineConfig
from vpr_ros.demo.lifecycle_process import LifecycleProcess, NodeCommand
from vpr_ros.nodes.interfaces import FrameTimings, PlaceMatch, SaveMap
from vpr_ros.pipeline import build
from vpr_ros.place_map import PlaceMap

TOPICS = {"image": "/camera/image_raw/compressed", "odom": "/odom"}
ALL = {"reliability": "reliable", "image_transport": "compressed"}
SIDE = {
    "localizer": {"sequence.mode": "filter"},
    "mapper": {"mode": "slam", "sequence.mode": "filter"},
}


class Watch(Node):
    """Hears the answers of both nodes, and how long each took."""

    def __init__(self) -> None:
        super().__init__("soak", start_parameter_services=False)
        self.begun = time.monotonic()
        self.seconds = defaultdict(list)  # node -> (when, seconds from an image to its answer)
        self.verdicts = defaultdict(Counter)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)
        quality = QoSProfile(depth=1000)
        for name in SIDE:
            match, timings = partial(self.take_match, name), partial(self.take_timings, name)
            self.create_subscription(PlaceMatch, f"/{name}/place_match", match, quality)
            self.create_subscription(FrameTimings, f"/{name}/timings", timings, quality)

    def take_match(self, name: str, match: PlaceMatch) -> None:
        """Take note of an answer."""
        self.verdicts[name][match.verdict] += 1

    def take_timings(self, name: str, timings: FrameTimings) -> None:
        """Take note of how long it took."""
        seconds = dict(zip(timings.stages, timings.seconds, strict=True))["total"]
        self.seconds[name].append((time.monotonic() - self.begun, seconds))

    def spin_until(self, end: float) -> None:
        """Listen before a time of the monotonic clock."""
        while (left := end - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=min(left, 0.5))


def main() -> None:
    options = parsed()
    with tempfile.TemporaryDirectory() as scratch:
        soak(options, Path(scratch))


def soak(options: argparse.Namespace, scratch: Path) -> None:
    paths = {"localizer": scratch / "route.vprmap", "mapper": scratch / "growing.vprmap"}
    words = ["map", str(options.map_bag), "-o", str(paths["localizer"]), "--pose-topic", "/odom"]
    assert vpr(words) == 0
    rclpy.init(args=[])
    watch = Watch()
    nodes = [started(name, paths[name], scratch) for name in SIDE]
    player = playing(options.query_bag)
    try:
        with nodes[0] as localizer, nodes[1] as mapper:
            for node in nodes:
                node.configure()
                node.activate()
            usage = {node.name: Usage(node.pid) for node in nodes}
            transitions, copies = 4, 0
            for minute in range(options.minutes):
                spend(watch, usage, watch.begun + 60.0 * (minute + 1))
                transitions += cycled(localizer) + paused(mapper)
                copies += copied(mapper, scratch / f"copy{minute}")
                say(watch, usage, minute + 1)
            assert player.poll() is None, "the replay ended"
        report(watch, usage, transitions, copies)
    finally:
        player.kill()
        player.wait()
    for name, path in paths.items():
        sys.stdout.write(f"{name}: {consistent(path)} keyframes, whole\n")


def started(name: str, path: Path, scratch: Path) -> LifecycleProcess:
    parameters = {"map_path": str(path), **ALL, **SIDE[name]}
    command = NodeCommand(f"vpr_ros.nodes.{name}_node", name, parameters, TOPICS)
    return LifecycleProcess(command, scratch / f"{name}.log")


def playing(bag: Path) -> subprocess.Popen:
    words = [sys.executable, "-m", "vpr_ros.demo.replay.replay_node", str(bag), "--loop"]
    words += ["--wait-for-subscribers", "60", "--topics", *TOPICS.values()]
    return subprocess.Popen(words, start_new_session=True)


def spend(watch: Watch, usage: dict[str, Usage], end: float) -> None:
    """Listen until then, and look at the processes every other second."""
    while time.monotonic() < end:
        watch.spin_until(min(end, time.monotonic() + 2.0))
        for each in usage.values():
            each.sample(0)


def cycled(node: LifecycleProcess) -> int:
    """Down to the beginning and up again; how many transitions that were."""
    steps = (
        (node.deactivate, State.PRIMARY_STATE_INACTIVE),
        (node.cleanup, State.PRIMARY_STATE_UNCONFIGURED),
        (node.configure, State.PRIMARY_STATE_INACTIVE),
        (node.activate, State.PRIMARY_STATE_ACTIVE),
    )
    for step, state in steps:
        step()
        assert node.state_id() == state, (step, node.state())
    return len(steps)


def paused(node: LifecycleProcess) -> int:
    """A pause, after which the drive goes on."""
    node.deactivate()
    assert node.state_id() == State.PRIMARY_STATE_INACTIVE, node.state()
    node.activate()
    assert node.state_id() == State.PRIMARY_STATE_ACTIVE, node.state()
    return 2


def copied(node: LifecycleProcess, folder: Path) -> int:
    """Save a copy of the growing map and read all of it."""
    folder.mkdir()
    path = folder / "copy.vprmap"
    answer = node.request(SaveMap, "save_map", SaveMap.Request(path=str(path)))
    assert answer.success, answer.message
    assert consistent(path) == answer.keyframes
    shutil.rmtree(folder)
    return 1


def consistent(path: Path) -> int:
    """Read every keyframe of a map; how many there are."""
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with PlaceMap.open(path, build(PipelineConfig()).extractor.spec) as place_map:
        for record in place_map.table.records():
            place_map.features_of([record.key])
            assert place_map.thumbnail(record.key)
        return len(place_map)


def say(watch: Watch, usage: dict[str, Usage], minute: int) -> None:
    parts = [
        f"{name} {each.resident_mb[-1]:.0f} MB, {len(watch.seconds[name])} answers"
        for name, each in usage.items()
    ]
    sys.stdout.write(f"{minute:3d} min: {'; '.join(parts)}\n")
    sys.stdout.flush()


def report(watch: Watch, usage: dict[str, Usage], transitions: int, copies: int) -> None:
    sys.stdout.write(f"{transitions} transitions, none lost; {copies} copies, all whole\n")
    for name, each in usage.items():
        times, took = np.array(watch.seconds[name]).T
        first, last = (1e3 * took[part] for part in thirds(times))
        memory = np.array(each.resident_mb)
        early, late = (memory[part].mean() for part in thirds(np.array(each.times) - watch.begun))
        sys.stdout.write(
            f"{name}: {len(took)} answers {dict(watch.verdicts[name])}; memory {early:.0f} -> "
            f"{late:.0f} MB; latency median {np.median(first):.0f} -> {np.median(last):.0f} ms, "
            f"95 % {np.percentile(first, 95):.0f} -> {np.percentile(last, 95):.0f} ms\n"
        )


def thirds(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first third without its first minute, and the last third."""
    end = times.max()
    return (times > 60.0) & (times < end / 3.0), times > end * 2.0 / 3.0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--map-bag", type=Path, required=True, metavar="BAG")
    parser.add_argument("--query-bag", type=Path, required=True, metavar="BAG")
    parser.add_argument("--minutes", type=int, default=20, help="4 or more (default 20)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
