# SPDX-License-Identifier: Apache-2.0
"""Recorded drives: described once, kept in a folder, asked as often as needed."""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from recorded import (
    BASELINE,
    PHOTO_SETTINGS,
    PHOTOS_PER_SECOND,
    corridor_truth,
    mapped,
    photo_number,
)

from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.config import with_settings
from vpr_ros.datatypes import Comparison, Features, Frame, Query, Recognition
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.drives.image_files import ImageFolder
from vpr_ros.drives.tracks import Track
from vpr_ros.errors import NothingShownError
from vpr_ros.evaluation.judge import Truth
from vpr_ros.pipeline import Pipeline, build
from vpr_ros.place_map import PlaceMap
from vpr_ros.rerankers.base import Reranker

Positive = Callable[[int], bool]  # number of a query -> whether the map shows its place
Right = Callable[[int, int], bool]  # number of a query, stamp of a keyframe -> same place
Opened = tuple[Pipeline, PlaceMap, CalibrationRecord]


@dataclass
class Drive:
    """The images of one drive, described, and what is true of them."""

    name: str
    map_path: Path
    queries: list[Query]
    has_positive: Positive
    is_right: Right
    settings: dict[str, float] = field(default_factory=dict)
    comparisons: dict[int, Comparison] = field(default_factory=dict)

    @contextmanager
    def opened(self, settings: dict[str, object] | None = None) -> Iterator[Opened]:
        """The map, what its scores are worth, and a pipeline that compares no pair twice."""
        pipeline = build(with_settings(BASELINE, {**self.settings, **(settings or {})}))
        with pipeline.open_map(self.map_path) as place_map:
            record = pipeline.calibrator.of(place_map)
            reranker = Remembering(pipeline.reranker, self.comparisons)
            yield replace(pipeline, reranker=reranker), place_map, record

    def answers(self, opened: Opened, use_odometry: bool = False) -> list[Recognition]:
        """What the map says to all images, one after the other."""
        pipeline, place_map, record = opened
        recognizer = pipeline.recognizer(place_map, record)
        queries = (
            self.queries if use_odometry else [replace(q, odometry=None) for q in self.queries]
        )
        return [recognizer.answer(query) for query in queries]

    def is_first_right(self, number: int, answer: Recognition) -> bool:
        """Whether the best candidate shows the query's place."""
        return self.is_right(number, answer.candidates[0].keyframe.stamp_ns)


class Remembering:
    """A reranker that has done most of its work before."""

    def __init__(self, reranker: Reranker, comparisons: dict[int, Comparison]) -> None:
        self._reranker, self._comparisons = reranker, comparisons
        self.survey = reranker.survey

    def compare(self, query: Features, candidates: list[Features]) -> list[Comparison]:
        descriptor = query.global_descriptor.tobytes()
        keys = [hash((descriptor, each.global_descriptor.tobytes())) for each in candidates]
        missing = [i for i, key in enumerate(keys) if key not in self._comparisons]
        compared = self._reranker.compare(query, [candidates[i] for i in missing])
        self._comparisons.update(zip((keys[i] for i in missing), compared, strict=True))
        return [self._comparisons[key] for key in keys]


def drives(options: argparse.Namespace, mapped_photos: Iterable[int] = (200,)) -> Iterator[Drive]:
    """All drives that were asked for; of a walk, so many photos are mapped."""
    if options.kitti:
        for dim in (False, True):
            yield kitti(*options.kitti, options.cache, dim)
    if options.corridor:
        for count in (40, 30):
            yield corridor(options.corridor, options.cache, count)
    if options.walk:
        for count in mapped_photos:
            for tolerance in (2, 4):
                yield walk(options.walk, options.cache, count, tolerance)


def kitti(map_bag: Path, query_bag: Path, cache: Path, dim: bool) -> Drive:
    """Two bags with odometry and a common ground truth."""
    with BagReader(map_bag) as before, BagReader(query_bag) as after:
        map_path = _mapped(cache / "kitti.vprmap", before.frames(pose_topic="/odom"))
        tracks = [bag.trajectory("/ground_truth/pose") for bag in (before, after)]
        name = "KITTI at dusk" if dim else "KITTI"
        queries = _described(cache / f"{name}.pickle", after.frames(pose_topic="/odom"), dim)
    return _tracked(name, map_path, queries, *tracks)


def kitti_halves(map_bag: Path, cache: Path) -> Drive:
    """Every other frame of one bag is the map, those between are the drive."""
    with BagReader(map_bag) as bag:
        even, odd = (islice(bag.frames(pose_topic="/odom"), part, None, 2) for part in (0, 1))
        map_path = _mapped(cache / "halves.vprmap", even)
        queries = _described(cache / "halves.pickle", odd)
        track = bag.trajectory("/ground_truth/pose")
    return _tracked("KITTI, jumps", map_path, queries, track, track)


def corridor(folder: Path, cache: Path, count: int) -> Drive:
    """One walk of several rounds: the first photos are the map, all later ones are asked for."""
    frames = list(ImageFolder(folder / "images", PHOTOS_PER_SECOND).frames())
    positives = corridor_truth(folder)
    name = f"corridor, {count} photos mapped"
    queries = _described(cache / f"{name}.pickle", frames[count:])
    seen = [positives.get(photo_number(query.stamp_ns), set()) for query in queries]
    return Drive(
        name,
        _mapped(cache / f"{name}.vprmap", frames[:count], PHOTO_SETTINGS),
        queries,
        lambda i: any(number < count for number in seen[i]),
        lambda i, stamp_ns: photo_number(stamp_ns) in seen[i],
        PHOTO_SETTINGS,
    )


def walk(folder: Path, cache: Path, count: int, tolerance: int) -> Drive:
    """A path walked twice in step; the map is the first part of it.

    Positives are two photos away at most; a match is right up to ``tolerance`` photos away.
    """
    database = ImageFolder(folder / "database", PHOTOS_PER_SECOND).frames()
    queries = ImageFolder(folder / "queries", PHOTOS_PER_SECOND).frames()
    name = f"{folder.name}, {count} mapped"
    return Drive(
        f"walk, {count} mapped, right to {tolerance}",
        _mapped(cache / f"{name}.vprmap", islice(database, count), PHOTO_SETTINGS),
        _described(cache / f"{folder.name}.pickle", queries),
        lambda i: i < count + 2,
        lambda i, stamp_ns: abs(photo_number(stamp_ns) - i) <= tolerance,
        PHOTO_SETTINGS,
    )


def _tracked(
    name: str, map_path: Path, queries: list[Query], map_track: Track, query_track: Track
) -> Drive:
    """A drive whose truth is where the robot was."""
    truth = Truth(map_track, query_track)
    with PlaceMap.open(map_path) as place_map:
        keyframe_stamps = place_map.table.stamps_ns.tolist()
    return Drive(
        name,
        map_path,
        queries,
        lambda i: truth.has_positive(queries[i].stamp_ns, keyframe_stamps) is True,
        lambda i, stamp_ns: truth.is_right(queries[i].stamp_ns, stamp_ns) is True,
    )


def _mapped(path: Path, frames: Iterable[Frame], settings: dict[str, float] | None = None) -> Path:
    if not path.exists():
        half_done = path.with_suffix(".part")
        half_done.unlink(missing_ok=True)
        config = with_settings(BASELINE, {"loops.close": False, **(settings or {})})
        mapped(build(config), half_done, frames)
        half_done.rename(path)
    return path


def _described(path: Path, frames: Iterable[Frame], dim: bool = False) -> list[Query]:
    if not path.exists():
        extractor, random = build(BASELINE).extractor, np.random.default_rng(0)
        queries = []
        for frame in frames:
            image = _dimmed(frame.image, random) if dim else frame.image
            with suppress(NothingShownError):
                queries.append(Query(extractor.extract(image), frame.stamp_ns, frame.pose))
        path.write_bytes(pickle.dumps(queries))
    return pickle.loads(path.read_bytes())


def _dimmed(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The picture at dusk: a fifth of the light, and the noise of a camera that makes up for it."""
    noisy = 0.2 * image + random.normal(0.0, 3.0, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
