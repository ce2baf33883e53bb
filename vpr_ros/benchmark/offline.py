# SPDX-License-Identifier: Apache-2.0
"""What frames and maps cost without ROS, against the least that could be done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vpr_ros.benchmark.results import Result, median, milliseconds
from vpr_ros.benchmark.scene import Scene
from vpr_ros.config import HomographyConfig
from vpr_ros.datatypes import Features, FloatArray, Frame, Keyframe, LocalFeatures
from vpr_ros.errors import MapError
from vpr_ros.images import encode_jpeg, shrink
from vpr_ros.place_map import PlaceMap
from vpr_ros.rerankers.matches import mutual_nearest

SIZES = (1000, 10000)  # keyframes
_APPENDS = 60
_SEARCHES = 50
_CANDIDATES = 10
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


def measure_append(scene: Scene, scratch: Path) -> list[Result]:
    """Appending and committing real keyframes, against writing as many bytes durably."""
    keyframes = _real_keyframes(scene)
    with scene.pipeline.continue_map(scratch / "append.vprmap") as place_map:
        appended, committed = [], []
        for _ in range(_APPENDS):
            appended += milliseconds(lambda: place_map.append(next(keyframes)))
            committed += milliseconds(place_map.commit)
        size = place_map.info().size_bytes // _APPENDS
    plain = median(_durable_writes(scratch / "plain", size))
    both = median([a + b for a, b in zip(appended, committed, strict=True)])
    return [
        Result("keyframe in the map file", size / 1e3, "kB"),
        Result("append a keyframe", median(appended), "ms"),
        Result("append and commit", both, "ms", plain, "write and fsync of as many bytes"),
    ]


def measure_search(scene: Scene, scratch: Path, size: int) -> list[Result]:
    """Opening and searching a map of random descriptors, against reading and numpy."""
    path = scratch / f"{size}.vprmap"
    descriptors = _random_descriptors(size, scene.pipeline.extractor.spec.global_dim)
    filled = milliseconds(lambda: _fill(scene, path, descriptors))
    opened = median(milliseconds(lambda: scene.pipeline.open_map(path).close(), 3))
    read = median(milliseconds(path.read_bytes, 3))
    queries = _random_descriptors(_SEARCHES, descriptors.shape[1], seed=1)
    with scene.pipeline.open_map(path) as place_map:
        searched = median(_each(queries, lambda query: _search(place_map, query)))
        _compare(place_map, descriptors, queries)
    brute = median(_each(queries, lambda query: _brute_force(descriptors, query)))
    path.unlink()
    against = "numpy, all products and argpartition"
    return [
        Result(f"make a map of {size} keyframes", filled[0] / 1e3, "s"),
        Result(f"open a map of {size} keyframes", opened, "ms", read, "reading the file"),
        Result(f"search {size} keyframes", searched, "ms", brute, against),
    ]


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


def _real_keyframes(scene: Scene) -> Iterator[Keyframe]:
    images = scene.queries[:10]
    features = [scene.pipeline.extractor.extract(image) for image in images]
    side = scene.pipeline.config.keyframes.thumbnail_side
    thumbnails = [encode_jpeg(shrink(image, side)) for image in images]
    for number in range(_APPENDS):
        which = number % len(images)
        yield Keyframe(number, features[which], thumbnail_jpeg=thumbnails[which])


def _durable_writes(path: Path, size: int) -> list[float]:
    data = os.urandom(size)
    with path.open("wb", buffering=0) as file:

        def write() -> None:
            file.write(data)
            os.fsync(file.fileno())

        return milliseconds(write, _APPENDS)


def _random_descriptors(count: int, dim: int, seed: int = 0) -> FloatArray:
    vectors = np.random.default_rng(seed).standard_normal((count, dim), np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / norms, np.float32)


def _fill(scene: Scene, path: Path, descriptors: FloatArray) -> None:
    """A map with next to no local features, which searching does not look at."""
    channels = scene.pipeline.extractor.spec.local_dim
    point = np.zeros((1, 2), np.float32), np.ones(1, np.float32)
    local = LocalFeatures(*point, np.ones((1, channels), np.float32), (640, 480))
    with scene.pipeline.continue_map(path) as place_map:
        for number, descriptor in enumerate(descriptors):
            place_map.append(Keyframe(number, Features(descriptor, local)))
        place_map.commit()


def _each(queries: FloatArray, work: Callable[[FloatArray], object]) -> list[float]:
    return [milliseconds(partial(work, query))[0] for query in queries]


def _search(place_map: PlaceMap, query: FloatArray) -> list[int]:
    return [record.stamp_ns for record in place_map.search(query, _CANDIDATES).keyframes]


def _brute_force(descriptors: FloatArray, query: FloatArray) -> list[int]:
    similarities = descriptors @ query
    best = np.argpartition(-similarities, _CANDIDATES)[:_CANDIDATES]
    return [int(number) for number in best[np.argsort(-similarities[best])]]


def _compare(place_map: PlaceMap, descriptors: FloatArray, queries: FloatArray) -> None:
    for query in queries[:5]:
        if _search(place_map, query) != _brute_force(descriptors, query):
            raise MapError("searching the map and brute force disagree: the times mean nothing")
