# SPDX-License-Identifier: Apache-2.0
"""Folders ``database`` and ``queries`` whose images have positions: in their names, or beside them.

``utm``: names are ``@east@north@zone@...@.jpg``, in meters, as those of
github.com/gmberton/VPR-datasets-downloader, which turns many data sets into it, and of the codes
that read it (Berton et al., Deep Visual Geo-localization Benchmark, CVPR 2022). Fields between the
@ signs: UTM east and north, zone number and letter, latitude, longitude, panorama, tile, heading
(degrees clockwise from north), pitch, roll, height, time, note. Only the first two are needed. A
database image within 25 m is right; every query counts, also one without such an image.

``poses``: ``poses.csv`` stands beside the images, as maps are made from (``drives.ImageFolder``):
columns image, x, y, z (meters) and qx, qy, qz, qw. A database image within 25 m that looks the same
way within 40 degrees is right, as in most papers; indoors, say less. Images without a pose are left
out.
"""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from vpr_ros.datatypes import Pose
from vpr_ros.drives.image_files import POSES_FILE, ImageFiles, ImageFolder, images_below
from vpr_ros.drives.tracks import stretches
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.positives import (
    MAX_ANGLE,
    MAX_DISTANCE,
    positives_of_poses,
    rule_name,
)
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.protocols.planar import compass_heading, numbered, plane_pose
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet

_EAST, _NORTH, _HEADING = 1, 2, 9


class _Side(NamedTuple):
    images: ImageFiles
    poses: tuple[Pose, ...]
    sequence_of: Indices
    has_headings: bool = True


def read_utm(folder: Path, split: str, distance: float, angle: float) -> RetrievalSet:
    """``images/SPLIT/database`` and ``images/SPLIT/queries``, or the two without those above."""
    base = next((path for path in (folder / "images" / split, folder) if path.is_dir()), folder)
    database, queries = (_named_side(base / name) for name in ("database", "queries"))
    if angle and not (database.has_headings and queries.has_headings):
        raise DatasetError(f"{base}: names without headings: leave the angle out")
    return _judged(folder, database, queries, (distance, angle), counts_unmatched=True)


def read_poses(folder: Path, distance: float, angle: float) -> RetrievalSet:
    """Two folders of images with poses in one frame."""
    database, queries = (_posed_side(folder / name) for name in ("database", "queries"))
    return _judged(folder, database, queries, (distance, angle), counts_unmatched=False)


UTM = Protocol(
    "a folder of images named @east@north@...: within 25 m",
    read_utm,
    {
        "split": Option("test", "folder below images/"),
        "distance": Option(MAX_DISTANCE, "meters within which a database image is right"),
        "angle": Option(0.0, "degrees that both may look apart; 0: any"),
    },
)
POSES = Protocol(
    f"plain folders with {POSES_FILE}: within 25 m, 40 deg",
    read_poses,
    {
        "distance": Option(MAX_DISTANCE, "meters within which a database image is right"),
        "angle": Option(math.degrees(MAX_ANGLE), "degrees that both may look apart; 0: any"),
    },
)


def _judged(
    folder: Path,
    database: _Side,
    queries: _Side,
    limits: tuple[float, float],
    counts_unmatched: bool,
) -> RetrievalSet:
    """What is right within meters and degrees, of which 0 are any."""
    rule = limits[0], math.radians(limits[1]) if limits[1] else None
    positives = positives_of_poses(folder, queries.poses, database.poses, *rule)
    return RetrievalSet(
        folder.name,
        database.images,
        queries.images,
        {rule_name(*rule): Relevance(positives, counts_unmatched=counts_unmatched)},
        sequence_of=queries.sequence_of,
        database_poses=database.poses,
        query_poses=queries.poses,
    )


def _posed_side(folder: Path) -> _Side:
    found = ImageFolder(folder)
    every = zip(found.paths, found.poses, found.stamps_ns, strict=True)
    known = [(path.name, pose, stamp_ns) for path, pose, stamp_ns in every if pose is not None]
    if not known:
        raise DatasetError(f"{folder}: no image has a pose in {POSES_FILE}")
    names, poses, stamps_ns = zip(*known, strict=True)
    return _Side(ImageFiles(folder, names), poses, stretches(stamps_ns))


def _named_side(folder: Path) -> _Side:
    names = images_below(folder)
    fields = [PurePosixPath(name).name.split("@") for name in names]
    poses = [_pose(each, folder / name) for each, name in zip(fields, names, strict=True)]
    has_headings = all(len(each) > _HEADING and each[_HEADING] for each in fields)
    # Views cut from one panorama stand at one place, and are right or wrong together.
    groups = numbered(np.array([pose.position for pose in poses]))
    return _Side(ImageFiles(folder, names), tuple(poses), groups, has_headings)


def _pose(fields: list[str], path: Path) -> Pose:
    try:
        east, north = float(fields[_EAST]), float(fields[_NORTH])
        heading = fields[_HEADING] if len(fields) > _HEADING else ""
        turn = compass_heading(float(heading)) if heading else None
    except (IndexError, ValueError):
        east = north = math.nan
        turn = None
    if not (math.isfinite(east) and math.isfinite(north)):
        raise DatasetError(f"{path}: a name that does not begin with @east@north@ in meters")
    return plane_pose(east, north, turn)
