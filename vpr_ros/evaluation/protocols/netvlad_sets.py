# SPDX-License-Identifier: Apache-2.0
"""Pittsburgh and Tokyo 24/7, which come with the .mat files of NetVLAD's authors.

Pitts30k and Pitts250k: Torii et al., CVPR 2013; splits of Arandjelovic et al., CVPR 2016. Tokyo
24/7: Torii et al., CVPR 2015; 315 queries by day, at dusk and at night. A database image within
``posDistThr`` of the .mat file, 25 m, is right. Every query counts: one without such an image is
missed, as in the authors' recallAtN.m (Pittsburgh's test sets have none).

Of the twelve views cut from each of Tokyo's panoramas only the best counts, as in
datasets/dbTokyo247.m of github.com/Relja/netvlad and in Patch-NetVLAD's evaluation; the Deep Visual
Geo-localization Benchmark leaves that out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from vpr_ros.drives.image_files import ImageFiles
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.positives import positives_of_poses, rule_name
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.protocols.mat_struct import MatStruct, read_mat
from vpr_ros.evaluation.protocols.planar import numbered, plane_pose
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet

VIEWS_PER_PANORAMA = 12

_SPLITS = ("train", "val", "test")
_PITTSBURGH = (".", "images", "Pittsburgh250k")  # where images of the database may lie
_PITTSBURGH_QUERIES = ("queries_real", "queries", "Pittsburgh250k/queries_real", ".")
_TOKYO = ("images", ".", "tokyo247")
_TOKYO_QUERIES = ("query", "queries", "247query_subset_v2", "247query_v3")


def read_pittsburgh(folder: Path, size: str = "30k", split: str = "test") -> RetrievalSet:
    """One of the splits: its .mat file, the images in 000, 001, ... and queries_real beside it."""
    if split not in _SPLITS:
        raise DatasetError(f"split = {split!r}: Pittsburgh has {', '.join(_SPLITS)}")
    name = f"pitts{size}_{split}"
    struct = read_mat(folder, f"{name}.mat")
    database = _images(folder, _PITTSBURGH, struct.database)
    return _judged(name, struct, database, _images(folder, _PITTSBURGH_QUERIES, struct.queries))


def read_tokyo(folder: Path, panoramas: bool = True) -> RetrievalSet:
    """The whole set: tokyo247.mat, the images in 03814, 03815, ... and the queries' folder."""
    struct = read_mat(folder, "tokyo247.mat")
    count = len(struct.database)
    if panoramas and count % VIEWS_PER_PANORAMA:
        raise DatasetError(
            f"{folder}: {count} database images are not {VIEWS_PER_PANORAMA} for each "
            "panorama: say panoramas=false for another set"
        )
    database = _images(folder, _TOKYO, _as_handed_out(folder, struct.database))
    queries = _images(folder, _TOKYO_QUERIES, struct.queries)
    # Which light a query was taken in is not in the files that NetVLAD's authors hand out.
    panorama_of = np.arange(count) // VIEWS_PER_PANORAMA if panoramas else None
    return _judged("tokyo247", struct, database, queries, panorama_of)


_OPTIONS = {"split": Option("test", f"one of {', '.join(_SPLITS)}")}
PITTS30K = Protocol("Pittsburgh, 30k: within 25 m", partial(read_pittsburgh, size="30k"), _OPTIONS)
PITTS250K = Protocol(
    "Pittsburgh, 250k: within 25 m", partial(read_pittsburgh, size="250k"), _OPTIONS
)
TOKYO247 = Protocol(
    "Tokyo 24/7: within 25 m, the best view of each panorama",
    read_tokyo,
    {"panoramas": Option(True, "whether only the best view of each panorama counts")},
)


def _judged(
    name: str,
    struct: MatStruct,
    database: ImageFiles,
    queries: ImageFiles,
    panorama_of: Indices | None = None,
) -> RetrievalSet:
    theirs, ours = (
        tuple(plane_pose(*xy) for xy in utm.tolist())
        for utm in (struct.database_utm, struct.query_utm)
    )
    positives = positives_of_poses(struct.path, ours, theirs, struct.max_distance)
    return RetrievalSet(
        name,
        database,
        queries,
        {rule_name(struct.max_distance): Relevance(positives, counts_unmatched=True)},
        # 24 views are cut from each of Pittsburgh's panoramas: they are right or wrong together.
        sequence_of=numbered(struct.query_utm),
        database_poses=theirs,
        query_poses=ours,
        panorama_of=panorama_of,
    )


def _images(folder: Path, roots: Sequence[str], names: Sequence[str]) -> ImageFiles:
    """Images below the first of these folders that has the first one."""
    for root in roots:
        if (folder / root / names[0]).is_file():
            return ImageFiles(folder / root, names)
    tried = ", ".join(str(folder / root) for root in roots)
    raise DatasetError(f"{names[0]}: missing below {tried}: unpack the images there")


def _as_handed_out(folder: Path, names: Sequence[str]) -> Sequence[str]:
    """The .mat file of Tokyo says .jpg; the images are handed out as .png."""
    if any((folder / root / names[0]).is_file() for root in _TOKYO):
        return names
    return [str(PurePosixPath(name).with_suffix(".png")) for name in names]
