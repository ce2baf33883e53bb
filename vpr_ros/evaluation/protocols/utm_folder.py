# SPDX-License-Identifier: Apache-2.0
"""Folders whose file names hold positions: ``@east@north@zone@...@.jpg``, in meters.

The format of github.com/gmberton/VPR-datasets-downloader, which turns many data sets into it, and
of the codes that read it (Berton et al., Deep Visual Geo-localization Benchmark, CVPR 2022).
Fields between the @ signs: UTM east and north, zone number and letter, latitude, longitude,
panorama, tile, heading (degrees clockwise from north), pitch, roll, height, time, note. Only the
first two are needed. A database image within 25 m is right; every query counts, also one without
such an image.
"""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from vpr_ros.datatypes import Pose
from vpr_ros.drives.image_files import ImageFiles, images_below
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.positives import MAX_DISTANCE, positives_of_poses, rule_name
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.protocols.planar import compass_heading, numbered, plane_pose
from vpr_ros.evaluation.retrieval_set import Relevance, RetrievalSet

_EAST, _NORTH, _HEADING = 1, 2, 9


class _Side(NamedTuple):
    images: ImageFiles
    poses: tuple[Pose, ...]
    has_headings: bool


def read(
    folder: Path, split: str = "test", distance: float = 25.0, angle: float = 0.0
) -> RetrievalSet:
    """``images/SPLIT/database`` and ``images/SPLIT/queries``, or the two without those above."""
    base = next((path for path in (folder / "images" / split, folder) if path.is_dir()), folder)
    database, queries = (_side(base / name) for name in ("database", "queries"))
    if angle and not (database.has_headings and queries.has_headings):
        raise DatasetError(f"{base}: names without headings: leave the angle out")
    max_angle = math.radians(angle) if angle else None
    positives = positives_of_poses(base, queries.poses, database.poses, distance, max_angle)
    return RetrievalSet(
        folder.name,
        database.images,
        queries.images,
        {rule_name(distance, max_angle): Relevance(positives, counts_unmatched=True)},
        # Views cut from one panorama stand at one place, and are right or wrong together.
        sequence_of=numbered(np.array([pose.position for pose in queries.poses])),
        database_poses=database.poses,
        query_poses=queries.poses,
    )


PROTOCOL = Protocol(
    "a folder of images named @east@north@...: within 25 m",
    read,
    {
        "split": Option("test", "folder below images/"),
        "distance": Option(MAX_DISTANCE, "meters within which a database image is right"),
        "angle": Option(0.0, "degrees that both may look apart; 0: any"),
    },
)


def _side(folder: Path) -> _Side:
    names = images_below(folder)
    fields = [PurePosixPath(name).name.split("@") for name in names]
    poses = [_pose(each, folder / name) for each, name in zip(fields, names, strict=True)]
    has_headings = all(len(each) > _HEADING and each[_HEADING] for each in fields)
    return _Side(ImageFiles(folder, names), tuple(poses), has_headings)


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
