# SPDX-License-Identifier: Apache-2.0
"""Tokyo 24/7 (Torii et al., CVPR 2015): 315 queries by day, at dusk and at night.

A database image within ``posDistThr`` of the .mat file, 25 m, is right. Of the twelve views cut
from each panorama only the best counts, as in datasets/dbTokyo247.m of github.com/Relja/netvlad
and in Patch-NetVLAD's evaluation; the Deep Visual Geo-localization Benchmark leaves that out.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from vpr_ros.drives.image_files import ImageFiles
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.protocols.mat_struct import (
    find_mat,
    read_mat,
    relevance_of,
    root_of,
)
from vpr_ros.evaluation.protocols.planar import plane_pose, same_place_groups
from vpr_ros.evaluation.retrieval_set import RetrievalSet

VIEWS_PER_PANORAMA = 12

_DATABASE_FOLDERS = ("images", ".", "tokyo247")
_QUERY_FOLDERS = ("query", "queries", "247query_subset_v2", "247query_v3")


def read(folder: Path, panoramas: bool = True) -> RetrievalSet:
    """The whole set: tokyo247.mat, the images in 03814, 03815, ... and the queries' folder."""
    path = find_mat(folder, "tokyo247.mat")
    struct = read_mat(path)
    names = _names(folder, struct.database)
    if panoramas and len(names) % VIEWS_PER_PANORAMA:
        raise DatasetError(
            f"{folder}: {len(names)} database images are not {VIEWS_PER_PANORAMA} for each "
            "panorama: say panoramas=false for another set"
        )
    return RetrievalSet(
        "tokyo247",
        ImageFiles(folder / root_of(folder, _DATABASE_FOLDERS, names[0]), names),
        ImageFiles(folder / root_of(folder, _QUERY_FOLDERS, struct.queries[0]), struct.queries),
        relevance_of(struct, path),
        # Which light a query was taken in is not in the files that NetVLAD's authors hand out.
        sequence_of=same_place_groups(struct.query_utm),
        database_poses=tuple(plane_pose(*xy) for xy in struct.database_utm.tolist()),
        query_poses=tuple(plane_pose(*xy) for xy in struct.query_utm.tolist()),
        panorama_of=np.arange(len(names)) // VIEWS_PER_PANORAMA if panoramas else None,
    )


PROTOCOL = Protocol(
    "Tokyo 24/7: within 25 m, the best view of each panorama",
    read,
    {"panoramas": Option(True, "whether only the best view of each panorama counts")},
)


def _names(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """The .mat file says .jpg; the images are handed out as .png."""
    first = PurePosixPath(names[0])
    for suffix in (first.suffix, ".png"):
        for root in _DATABASE_FOLDERS:
            if (folder / root / first.with_suffix(suffix)).is_file():
                return tuple(str(PurePosixPath(name).with_suffix(suffix)) for name in names)
    return names  # root_of tells what is missing
