# SPDX-License-Identifier: Apache-2.0
"""The places in a folder of recordings: what is mapped, what is asked, what is right.

- bags ``NAME_map`` and ``NAME_query`` with true poses on ``/ground_truth/pose``;
- folders with ``database`` and ``queries``, and ``manifest.csv`` beside them: image, split, and
  either x and y in meters, or frame or number, which say what shows one place;
- other folders of images: walks of which every fifth image is asked and the others are mapped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vpr_ros.datatypes import Features, Frame
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.drives.source import open_source
from vpr_ros.errors import ImageError
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.images import IMAGE_SUFFIXES, read_image

TRUTH = "/ground_truth/pose"
METERS, DEGREES = 10.0, 45.0  # bags and manifests with positions
FRAMES = {"frame": 10, "number": 0}  # manifests that count
NEIGHBORS = 3  # images of a walk
QUERY_OF = 5  # images of a walk
_PHOTO_NS, _WALK_NS = 200_000_000, 1_000_000_000  # from one image to the next


@dataclass(frozen=True)
class Shot:
    """An image that was described, with what says where it was taken."""

    frame: Frame
    features: Features
    where: object


@dataclass(frozen=True)
class Place:
    """A route that is mapped, and images that are asked of it."""

    name: str
    mapped: list[Shot]
    asked: list[Shot]
    is_right: Callable[[object, object], bool]  # where a query and a keyframe were taken


def places_in(
    folder: Path, extractor: FeatureExtractor, without: Collection[str]
) -> Iterator[Place]:
    """All places in a folder and those below it, but for those within ``without``."""
    folders = (path for path in folder.rglob("*") if path.is_dir())
    for path in sorted(path for path in folders if not {*path.parts} & {*without}):
        other = path.with_name(path.name.removesuffix("_map") + "_query")
        if path.name.endswith("_map") and other.exists():
            shots = (list(_of_bag(each, extractor)) for each in (path, other))
            yield Place(path.name.removesuffix("_map"), *shots, _near)
        elif (path / "manifest.csv").exists() and (path / "database").exists():
            yield _of_manifest(path, extractor)
        elif path.name not in ("database", "queries") and _images(path):
            yield _of_walk(path, extractor)


def _of_bag(path: Path, extractor: FeatureExtractor) -> Iterator[Shot]:
    with BagReader(path) as bag:
        truth = {frame.stamp_ns: frame.pose for frame in bag.undecoded("", TRUTH)}
    with open_source(path, pose_topic="/odom") as source:
        for frame in source.frames(lambda error: None):
            yield from _shot(frame, truth.get(frame.stamp_ns), extractor)


def _of_manifest(folder: Path, extractor: FeatureExtractor) -> Place:
    parts: dict[str, list[Shot]] = {"database": [], "queries": []}
    with (folder / "manifest.csv").open() as file:
        for row in csv.DictReader(file):
            shots = parts["database" if row["split"] == "database" else "queries"]
            frame = Frame(len(shots) * _PHOTO_NS, read_image(folder / row["image"]))
            shots += _shot(frame, row, extractor)
    return Place(folder.name, *parts.values(), _same_row)


def _of_walk(folder: Path, extractor: FeatureExtractor) -> Place:
    shots = []
    for number, path in enumerate(_images(folder)):
        clip = re.sub(r"[0-9]+$", "", path.stem)
        frame = Frame(number * _WALK_NS, read_image(path))
        shots += _shot(frame, (clip, number), extractor)
    asked = shots[QUERY_OF // 2 :: QUERY_OF]
    return Place(folder.name, [shot for shot in shots if shot not in asked], asked, _neighbors)


def _shot(frame: Frame, where: object, extractor: FeatureExtractor) -> Iterator[Shot]:
    """The image described, unless it shows nothing; of the image itself no trace is kept."""
    try:
        features = extractor.extract(frame.image)
    except ImageError:
        return
    yield Shot(Frame(frame.stamp_ns, None, frame.pose), features, where)


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _near(query, keyframe) -> bool:
    if query is None or keyframe is None:
        return False
    meters = np.linalg.norm(np.subtract(query.position, keyframe.position))
    turned = 2.0 * np.arccos(min(1.0, abs(np.dot(query.orientation, keyframe.orientation))))
    return bool(meters <= METERS and np.degrees(turned) <= DEGREES)


def _same_row(query, keyframe) -> bool:
    for column, frames in FRAMES.items():
        if column in query:
            return abs(int(query[column]) - int(keyframe[column])) <= frames
    apart = [float(query[axis]) - float(keyframe[axis]) for axis in ("x", "y")]
    return float(np.hypot(*apart)) <= METERS


def _neighbors(query, keyframe) -> bool:
    return query[0] == keyframe[0] and abs(query[1] - keyframe[1]) <= NEIGHBORS
