# SPDX-License-Identifier: Apache-2.0
"""Drives for sequence.py: described once, kept in a folder, replayed as often as needed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.datatypes import Comparison, Features, Frame, Pose
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.drives.image_folder import ImageFolder
from vpr_ros.evaluation.judge import Truth
from vpr_ros.pipeline import Pipeline, build
from vpr_ros.place_map import PlaceMap
from vpr_ros.recognizer import PlaceRecognizer
from vpr_ros.sequence import SequenceTracker

BASELINE = PipelineConfig(method="hog_sift")  # what these benches measure
PHOTOS_PER_SECOND = 1.0  # folders: nobody knows, so one photo a second and two of them one place
PHOTO_SETTINGS = {"decision.place_seconds": 2.5, "keyframes.view_change": 0.0}

Positive = Callable[[int], bool]  # number of a frame -> whether the map shows its place
Right = Callable[[int, int], bool]  # number of a frame, stamp of a keyframe -> same place


@dataclass
class Drive:
    """The frames of one drive, described, and what is true of them."""

    name: str
    map_path: Path
    stamps_ns: list[int]
    odometry: list[Pose | None]
    described: list[Features]
    has_positive: Positive
    is_right: Right
    settings: dict[str, float] = field(default_factory=dict)
    scores: dict[tuple[int, bytes], Comparison] = field(default_factory=dict)

    def config(self, **settings: object) -> PipelineConfig:
        """The defaults, changed for this drive and then as told."""
        return with_settings(BASELINE, {**self.settings, **settings})

    def recognizer(
        self, place_map: PlaceMap, pipeline: Pipeline, tracker: SequenceTracker | None
    ) -> PlaceRecognizer:
        """The recognizer itself, with a memory in place of the slow stages."""
        known = _Known(self, pipeline)
        decision, worth = pipeline.config.decision, pipeline.calibrator.of(place_map).calibration
        return PlaceRecognizer(known, place_map, known, decision, worth, tracker)


class _Known:
    """Extractor and reranker in one: pictures are numbers of frames, scores are kept."""

    def __init__(self, drive: Drive, pipeline: Pipeline) -> None:
        self._drive, self._reranker = drive, pipeline.reranker
        self.spec = pipeline.extractor.spec
        self._number = 0

    def extract(self, image: np.ndarray) -> Features:
        self._number = int(image[0, 0, 0]) + 256 * int(image[0, 0, 1])
        return self._drive.described[self._number]

    def compare(self, query: Features, candidates: list[Features]) -> list[Comparison]:
        keys = [(self._number, each.global_descriptor.tobytes()) for each in candidates]
        missing = [i for i, key in enumerate(keys) if key not in self._drive.scores]
        found = self._reranker.compare(query, [candidates[i] for i in missing])
        self._drive.scores.update(zip((keys[i] for i in missing), found, strict=True))
        return [self._drive.scores[key] for key in keys]


def picture(number: int) -> np.ndarray:
    """The number of a frame, in place of its picture."""
    return np.array([[[number % 256, number // 256, 0]]], np.uint8)


def dimmed(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The picture at dusk: a fifth of the light, and the noise of a camera that makes up for it."""
    noisy = 0.2 * image + random.normal(0.0, 3.0, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def kitti(map_bag: Path, query_bag: Path, cache: Path, dim: bool) -> Drive:
    """Two bags with odometry and a common ground truth."""
    with BagReader(map_bag) as before, BagReader(query_bag) as after:
        map_path = _mapped(cache / "kitti.vprmap", before.frames(pose_topic="/odom"), {})
        tracks = [bag.trajectory("/ground_truth/pose") for bag in (before, after)]
        name = "KITTI at dusk" if dim else "KITTI"
        described = _described(cache / f"{name}.pickle", after.frames(pose_topic="/odom"), dim)
    stamps_ns, odometry, features = described
    keyframe_stamps = _stamps(map_path)
    truth = Truth(*tracks)
    return Drive(
        name,
        map_path,
        stamps_ns,
        odometry,
        features,
        lambda i: truth.has_positive(stamps_ns[i], keyframe_stamps) is True,
        lambda i, stamp_ns: truth.is_right(stamps_ns[i], stamp_ns) is True,
    )


def kitti_halves(map_bag: Path, cache: Path) -> Drive:
    """Every other frame of one bag is the map, those between are the drive."""
    with BagReader(map_bag) as bag:
        frames = bag.frames(pose_topic="/odom")
        even = (frame for number, frame in enumerate(frames) if number % 2 == 0)
        map_path = _mapped(cache / "halves.vprmap", even, {})
        frames = bag.frames(pose_topic="/odom")
        odd = (frame for number, frame in enumerate(frames) if number % 2)
        stamps_ns, odometry, features = _described(cache / "halves.pickle", odd, False)
        track = bag.trajectory("/ground_truth/pose")
    truth, keyframe_stamps = Truth(track, track), _stamps(map_path)
    return Drive(
        "KITTI, jumps",
        map_path,
        stamps_ns,
        odometry,
        features,
        lambda i: truth.has_positive(stamps_ns[i], keyframe_stamps) is True,
        lambda i, stamp_ns: truth.is_right(stamps_ns[i], stamp_ns) is True,
    )


def corridor(folder: Path, cache: Path, mapped: int) -> Drive:
    """One walk of several rounds: the first photos are the map, all later ones are asked for."""
    frames = list(ImageFolder(folder / "images", PHOTOS_PER_SECOND).frames())
    truth = json.loads((folder / "positives.json").read_text())
    positives = {int(frame): set(others) for frame, others in truth.items()}
    name = f"corridor, {mapped} photos mapped"
    map_path = _mapped(cache / f"{name}.vprmap", frames[:mapped], PHOTO_SETTINGS)
    parts = _described(cache / f"{name}.pickle", frames[mapped:], False)
    seen = [positives.get(number, set()) for number in range(mapped, len(frames))]
    return Drive(
        name,
        map_path,
        *parts,
        lambda i: any(number < mapped for number in seen[i]),
        lambda i, stamp_ns: round(stamp_ns * PHOTOS_PER_SECOND / 1e9) in seen[i],
        PHOTO_SETTINGS,
    )


def walk(folder: Path, cache: Path, mapped: int, tolerance: int) -> Drive:
    """A path walked twice in step; the map is the first part of it.

    Positives are two photos away at most; a match is right up to ``tolerance`` photos away.
    """
    database = list(ImageFolder(folder / "database", PHOTOS_PER_SECOND).frames())[:mapped]
    queries = ImageFolder(folder / "queries", PHOTOS_PER_SECOND).frames()
    name = f"{folder.name}, {mapped} mapped"
    map_path = _mapped(cache / f"{name}.vprmap", database, PHOTO_SETTINGS)
    parts = _described(cache / f"{folder.name}.pickle", queries, False)
    return Drive(
        f"walk, {mapped} mapped, right to {tolerance}",
        map_path,
        *parts,
        lambda i: i < mapped + 2,
        lambda i, stamp_ns: abs(round(stamp_ns * PHOTOS_PER_SECOND / 1e9) - i) <= tolerance,
        PHOTO_SETTINGS,
    )


def _mapped(path: Path, frames: Iterable[Frame], settings: dict[str, float]) -> Path:
    if not path.exists():
        pipeline = build(with_settings(BASELINE, settings))
        half_done = path.with_suffix(".part")
        half_done.unlink(missing_ok=True)
        with pipeline.continue_map(half_done) as place_map:
            builder = pipeline.map_builder(place_map, "map")
            for frame in frames:
                builder.offer(frame)
            builder.finish()
        half_done.rename(path)
    return path


def _described(
    path: Path, frames: Iterable[Frame], dim: bool
) -> tuple[list[int], list[Pose | None], list[Features]]:
    """Stamps, odometry and features of a drive."""
    if not path.exists():
        extractor, random = build(BASELINE).extractor, np.random.default_rng(0)
        rows = []
        for frame in frames:
            image = dimmed(frame.image, random) if dim else frame.image
            rows.append((frame.stamp_ns, frame.pose, extractor.extract(image)))
        path.write_bytes(pickle.dumps(rows))
    stamps_ns, odometry, features = zip(*pickle.loads(path.read_bytes()), strict=True)
    return list(stamps_ns), list(odometry), list(features)


def _stamps(map_path: Path) -> list[int]:
    with PlaceMap.open(map_path) as place_map:
        return [record.stamp_ns for record in place_map.records()]
