# SPDX-License-Identifier: Apache-2.0
"""What ``builds.py`` runs in each build: frames through a node, two maps with the filter, opening.

Knows this build and those before there was a session, and prints one JSON object.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from array import array
from pathlib import Path

sys.path.insert(0, os.environ["VPR_BUILD"])

import numpy as np
import rclpy
from sensor_msgs.msg import Image

from vpr_ros import datatypes
from vpr_ros.calibration.survey import surveyed
from vpr_ros.config import LocalizerConfig, MapperConfig, PipelineConfig, with_settings
from vpr_ros.datatypes import Features, Keyframe, LocalFeatures, ModelSpec, Pose
from vpr_ros.place_map import MapSet, PlaceMap
from vpr_ros.recognizer import PlaceRecognizer
from vpr_ros.sequence import open_tracker

try:
    from vpr_ros.calibration_curve import Calibration, Tail
    from vpr_ros.nodes.inputs import ImageMessage
    from vpr_ros.nodes.place_node import PlaceNode

    IS_OLD = False
except ImportError:
    from vpr_ros.datatypes import Calibration, Tail
    from vpr_ros.nodes.place_node import ImageFrame
    from vpr_ros.nodes.route_node import RouteNode

    IS_OLD = True

FRAMES, WARM_UP, SAMPLES = 60, 10, 40
SPEC = ModelSpec("r2former_tiny", "x", 192, 256, (0, 0, 0), (1, 1, 1), 256, 64, "fp16", "1", {})
RANDOM = np.random.default_rng(0)


def main(keyframes: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        scratch, results = Path(name), {}
        rclpy.init(args=[])
        try:
            for mode in ("map", "slam", "localize"):
                for sequence in ("off", "filter"):
                    title = f"overhead of a frame, mode {mode}, sequence {sequence}"
                    results[title] = frame_overhead(scratch, mode, sequence)
        finally:
            rclpy.try_shutdown()
        results["answer from two maps of 10,000, filter"] = two_maps(scratch)
        opened, searched = opening(scratch, keyframes)
        results[f"open a map of {keyframes:,} keyframes"] = opened
        results["open it and search it for the first time"] = searched
        results["ask it for one of its keyframes, to calibrate"] = survey(scratch)
    return results


def frame_overhead(scratch: Path, mode: str, sequence: str) -> float:
    """Milliseconds of a frame that no stage accounts for, as the node itself counts them."""
    values = {
        "mode": mode,
        "method": "hog_sift",
        "pose_type": "none",
        "sequence.mode": sequence,
        "keyframes.view_change": 0.0,
        "map_path": str(scratch / ("map.vprmap" if mode != "slam" else f"{sequence}.vprmap")),
    }
    defaults = LocalizerConfig() if mode == "localize" else MapperConfig()
    config = with_settings(defaults, values)
    node = RouteNode("probe", config) if IS_OLD else PlaceNode("probe", config)
    node.trigger_configure()
    node.trigger_activate()
    for number in range(FRAMES):
        handle(node, image(number))
    overhead, _ = node._statistics.latencies_ms()["overhead"]
    node.close()
    node.destroy_node()
    return overhead


def handle(node, message) -> None:
    if IS_OLD:
        node._handle(ImageFrame(message, time.monotonic(), node.cameras[0]))
    else:
        node.process(ImageMessage(message, time.monotonic(), node._inputs.cameras[0]))


def image(number: int) -> Image:
    pixels = np.random.default_rng(number % 20).integers(0, 255, (120, 160, 3), np.uint8)
    message = Image(height=120, width=160, encoding="rgb8", step=480)
    message.header.stamp.sec = 1_700_000_000 + number
    message.data = array("B", pixels.tobytes())
    return message


class Agreeable:
    """A reranker that costs nothing."""

    survey = SAMPLES

    def score(self, query, candidates):
        return [datatypes.RerankScore(5.0, 5) for _ in candidates]

    def compare(self, query, candidates):
        return [datatypes.Comparison(5.0, 5) for _ in candidates]


def two_maps(scratch: Path) -> float:
    config = with_settings(PipelineConfig(), {"sequence.mode": "filter"})
    calibration = Calibration((Tail(1.0, 0.5, 1.0),), 0.5)
    maps = [filled(scratch / f"{start}.vprmap", start, 10_000) for start in (0, 10_000)]
    joined = MapSet(maps[0], maps[1:])
    tracker = open_tracker(joined, config, calibration)
    parts = (joined, Agreeable(), config.decision, calibration, tracker)
    recognizer = PlaceRecognizer(None, *parts) if IS_OLD else PlaceRecognizer(*parts)
    taken = []
    for number in range(FRAMES):
        features, stamp_ns = described(), (number + 1) * 200_000_000
        begun = time.process_time()
        if IS_OLD:
            recognizer.answer(features, stamp_ns)
        else:
            recognizer.answer(datatypes.Query(features, stamp_ns))
        taken.append(1e3 * (time.process_time() - begun))
    joined.close()
    return statistics.median(taken[WARM_UP:])


def opening(scratch: Path, keyframes: int) -> tuple[float, float]:
    """Milliseconds until a map is open, and until it has answered once."""
    path = scratch / "large.vprmap"
    filled(path, 0, keyframes).close()
    opened, searched = [], []
    for _ in range(3):
        begun = time.process_time()
        place_map = PlaceMap.open(path, SPEC)
        opened.append(1e3 * (time.process_time() - begun))
        place_map.search(described().global_descriptor, 10)
        searched.append(1e3 * (time.process_time() - begun))
        place_map.close()
    return statistics.median(opened), statistics.median(searched)


def survey(scratch: Path) -> float:
    """Milliseconds that calibration takes for one keyframe, beside the comparisons."""
    asked = itertools.count()
    with PlaceMap.open(scratch / "large.vprmap", SPEC) as place_map:
        parts = (place_map, Agreeable(), PipelineConfig().decision)
        begun = time.process_time()
        if IS_OLD:
            surveyed(*parts, 20.0, lambda: next(asked) == SAMPLES)
        else:
            surveyed(*parts, lambda: False)
        return 1e3 * (time.process_time() - begun) / SAMPLES


def filled(path: Path, start: int, count: int) -> PlaceMap:
    with PlaceMap.create(path, SPEC) as place_map:
        for number in range(start, start + count):
            pose = Pose((float(number), 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "map")
            place_map.append(Keyframe(number * 10**9, described(), pose))
        place_map.commit()
    return PlaceMap.open(path, SPEC)


def described() -> Features:
    vector = RANDOM.standard_normal(SPEC.global_dim).astype(np.float32)
    points = RANDOM.random((5, 2)).astype(np.float32)
    local = LocalFeatures(
        points, points[:, 0].copy(), RANDOM.random((5, SPEC.local_dim), np.float32), (640, 480)
    )
    return Features(vector / np.linalg.norm(vector), local)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))) + "\n")
