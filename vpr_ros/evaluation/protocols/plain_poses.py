# SPDX-License-Identifier: Apache-2.0
"""Plain folders ``database`` and ``queries``, each with ``poses.csv`` beside its images.

The format that maps are made from (``datasets.ImageFolder``): columns image, x, y, z (meters) and
qx, qy, qz, qw. A database image within 25 m that looks the same way within 40 degrees is right, as
in most papers; indoors, say less. Images without a pose are left out.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from vpr_ros.datatypes import Pose
from vpr_ros.drives.image_files import POSES_FILE, ImageFiles, ImageFolder
from vpr_ros.drives.tracks import stretches
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.positives import (
    MAX_ANGLE,
    MAX_DISTANCE,
    Places,
    positives_within,
)
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.retrieval_set import Relevance, RetrievalSet


class _Side(NamedTuple):
    images: ImageFiles
    poses: tuple[Pose, ...]
    stamps_ns: tuple[int, ...]


def read(folder: Path, distance: float = 25.0, angle: float = 40.0) -> RetrievalSet:
    """Two folders of images with poses in one frame."""
    database, queries = (_side(folder / name) for name in ("database", "queries"))
    ours, theirs = Places.of_poses(queries.poses), Places.of_poses(database.poses)
    max_angle = math.radians(angle) if angle else None
    positives = positives_within(ours, theirs, distance, max_angle)
    rule = f"{distance:g} m" + (f", {angle:g} deg" if angle else "")
    if not any(map(len, positives)):
        raise DatasetError(f"{folder}: no query has a database image within {rule}")
    return RetrievalSet(
        folder.name,
        database.images,
        queries.images,
        {rule: Relevance(positives)},
        sequence_of=stretches(queries.stamps_ns),
        database_poses=database.poses,
        query_poses=queries.poses,
    )


PROTOCOL = Protocol(
    f"plain folders with {POSES_FILE}: within 25 m, 40 deg",
    read,
    {
        "distance": Option(MAX_DISTANCE, "meters within which a database image is right"),
        "angle": Option(math.degrees(MAX_ANGLE), "degrees that both may look apart; 0: any"),
    },
)


def _side(folder: Path) -> _Side:
    found = ImageFolder(folder)
    every = zip(found.paths, found.poses, found.stamps_ns, strict=True)
    known = [(path.name, pose, stamp_ns) for path, pose, stamp_ns in every if pose is not None]
    if not known:
        raise DatasetError(f"{folder}: no image has a pose in {POSES_FILE}")
    names, poses, stamps_ns = zip(*known, strict=True)
    return _Side(ImageFiles(folder, names), poses, stamps_ns)
