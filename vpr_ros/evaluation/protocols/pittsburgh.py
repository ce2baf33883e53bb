# SPDX-License-Identifier: Apache-2.0
"""Pitts30k and Pitts250k (Torii et al., CVPR 2013; splits of Arandjelovic et al., CVPR 2016).

A database image within ``posDistThr`` of the .mat file, 25 m, is right. Every query counts: one
without such an image would be missed, as in the authors' recallAtN.m (the test sets have none).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

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

_SPLITS = ("train", "val", "test")
_DATABASE_FOLDERS = (".", "images", "Pittsburgh250k")
_QUERY_FOLDERS = ("queries_real", "queries", "Pittsburgh250k/queries_real", ".")


def read(folder: Path, size: str = "30k", split: str = "test") -> RetrievalSet:
    """One of the splits: its .mat file, the images in 000, 001, ... and queries_real beside it."""
    if split not in _SPLITS:
        raise DatasetError(f"split = {split!r}: Pittsburgh has {', '.join(_SPLITS)}")
    name = f"pitts{size}_{split}"
    path = find_mat(folder, f"{name}.mat")
    struct = read_mat(path)
    database_root = root_of(folder, _DATABASE_FOLDERS, struct.database[0])
    query_root = root_of(folder, _QUERY_FOLDERS, struct.queries[0])
    return RetrievalSet(
        name,
        ImageFiles(folder / database_root, struct.database),
        ImageFiles(folder / query_root, struct.queries),
        relevance_of(struct, path),
        # 24 views are cut from each panorama: they are right or wrong together.
        sequence_of=same_place_groups(struct.query_utm),
        database_poses=tuple(plane_pose(*xy) for xy in struct.database_utm.tolist()),
        query_poses=tuple(plane_pose(*xy) for xy in struct.query_utm.tolist()),
    )


_OPTIONS = {"split": Option("test", f"one of {', '.join(_SPLITS)}")}
PITTS30K = Protocol("Pittsburgh, 30k: within 25 m", partial(read, size="30k"), _OPTIONS)
PITTS250K = Protocol("Pittsburgh, 250k: within 25 m", partial(read, size="250k"), _OPTIONS)
