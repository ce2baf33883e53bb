# SPDX-License-Identifier: Apache-2.0
"""What a frame costs without ROS: describing it, searching, comparing local features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

import cv2
import numpy as np

from vpr_ros.benchmark.results import Result, median, milliseconds
from vpr_ros.benchmark.scene import Scene
from vpr_ros.config import HomographyConfig
from vpr_ros.datatypes import FloatArray, Frame, LocalFeatures
from vpr_ros.place_map import PlaceMap
from vpr_ros.rerankers.matches import mutual_nearest

_PERIOD_MS = 200.0  # between two frames at 5 Hz
_WARM_UP = 3  # frames: caches fill, libraries make their threads
_STAGES = ("extract", "retrieve", "load", "rerank", "decide")

Matches = tuple[FloatArray, FloatArray, int]  # points [P, 2], points [P, 2], longer image side


def measure_stages(scene: Scene) -> list[Result]:
    """Median time of each stage over the second lap."""
    with closing(scene.pipeline.open_session(scene.map_path)) as session:
        frames = (Frame(number, image) for number, image in enumerate(scene.queries))
        timings = [session.step(frame).timings_s for frame in frames]
    del timings[:_WARM_UP]
    results = [
        Result(f"{stage} a frame", 1e3 * median([laps[stage] for laps in timings]), "ms")
        for stage in _STAGES
    ]
    total = 1e3 * median([sum(laps.values()) for laps in timings])
    return [*results, Result("all stages a frame", total, "ms", _PERIOD_MS, "a frame at 5 Hz")]


def measure_homography(scene: Scene) -> list[Result]:
    """MAGSAC++ against plain RANSAC on the matches of the second lap with their candidates."""
    config = scene.pipeline.config.homography
    with scene.opened_map() as place_map:
        matches = list(_matches(scene, place_map))
    magsac, ransac = (
        median(milliseconds(partial(_fit_all, matches, method, config), 3)) / len(matches)
        for method in (cv2.USAC_MAGSAC, cv2.RANSAC)
    )
    return [Result("homography of a pair, MAGSAC++", magsac, "ms", ransac, "plain RANSAC")]


def _fit_all(matches: list[Matches], method: int, config: HomographyConfig) -> None:
    for points, others, side in matches:
        threshold = config.ransac_threshold * side
        cv2.findHomography(points, others, method, threshold, maxIters=config.max_iterations)


def _matches(scene: Scene, place_map: PlaceMap) -> Iterator[Matches]:
    for image in scene.queries[::4]:
        query = scene.pipeline.extractor.extract(image)
        found = place_map.search(query.global_descriptor, scene.pipeline.config.decision.candidates)
        for candidate in place_map.features_of(found.keys):
            points, others = _matched(query.local, candidate.local)
            if len(points) >= 4:
                yield points, others, max(candidate.image_size)


def _matched(
    query: LocalFeatures | None, candidate: LocalFeatures | None
) -> tuple[FloatArray, FloatArray]:
    if query is None or candidate is None:
        return np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    left, right = mutual_nearest(np.asarray(query.descriptors @ candidate.descriptors.T))
    return query.keypoints[left], candidate.keypoints[right]
