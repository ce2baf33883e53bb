# SPDX-License-Identifier: Apache-2.0
"""Nordland (Suenderhauf et al., 2013): one railway line, filmed in four seasons, aligned by frame.

Three partitions of the same videos are published under this name, each with its own rule:

==========  =============  ===============  =====================================================
 protocol    queries        database         right
==========  =============  ===============  =====================================================
 ``27592``   27592 winter   27592 summer     at most 10 frames apart (Patch-NetVLAD, CVPR 2021)
 ``2760``    2760 summer    27592 winter     at most 1 frame from ten times the query's number
                                             (VPR-Bench, IJCV 2021)
 ``3450``    3450 winter    3450 summer      at most 2 frames apart (Olid et al., 2018; TransVPR)
==========  =============  ===============  =====================================================

Patch-NetVLAD's paper says 10 frames, and so do the benchmarks after it. Its ground truth file puts
frame i at (i, i) and takes distances up to 10, which is 7 frames: say ``tolerance=7`` for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from vpr_ros.drives.image_files import ImageFiles, is_image, natural_order
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet
from vpr_ros.evaluation.table_files import read_lines

SEQUENCE_FRAMES = 100  # of a train that never stops: neighbors are right or wrong together


@dataclass(frozen=True)
class _Partition:
    queries: str  # folder
    database: str  # folder
    query_count: int
    database_count: int
    tolerance: int  # frames of the database
    step: int = 1  # frames of the database from one query to the next


_PARTITIONS = {
    "27592": _Partition("winter", "summer", 27592, 27592, tolerance=10),
    "2760": _Partition("query", "ref", 2760, 27592, tolerance=1, step=10),
    "3450": _Partition("winter", "summer", 3450, 3450, tolerance=2),
}


def read(
    folder: Path,
    partition: str,
    queries: str,
    database: str,
    images: str,
    tolerance: int,
    check: bool,
) -> RetrievalSet:
    """Two folders of images in the order of their names, or a list of the names that count."""
    rule = _PARTITIONS[partition]
    theirs, ours = (_names(folder, side, images) for side in (database, queries))
    if check:
        _check_count(folder / database, len(theirs), rule.database_count)
        _check_count(folder / queries, len(ours), rule.query_count)
    positives = _aligned(len(ours), len(theirs), rule.step, tolerance)
    return RetrievalSet(
        f"nordland-{partition}",
        ImageFiles(folder / database, theirs),
        ImageFiles(folder / queries, ours),
        {f"{tolerance} frames": Relevance(positives, counts_unmatched=True)},
        sequence_of=np.arange(len(ours)) // SEQUENCE_FRAMES,
    )


def _protocol(partition: str) -> Protocol:
    rule = _PARTITIONS[partition]
    return Protocol(
        f"Nordland, {rule.query_count} queries: at most {rule.tolerance} frames off",
        partial(read, partition=partition),
        {
            "queries": Option(rule.queries, "folder of the season that is looked for"),
            "database": Option(rule.database, "folder of the season it is looked for in"),
            "images": Option("", "file with the names that count, one a line; all if empty"),
            "tolerance": Option(rule.tolerance, "frames that a right answer may be off"),
            "check": Option(True, "whether the number of images must be the published one"),
        },
    )


NORDLAND_27592, NORDLAND_2760, NORDLAND_3450 = map(_protocol, _PARTITIONS)


def _names(folder: Path, side: str, images: str) -> list[str]:
    if images:  # paths as ./nordland/summer/images-00202.png, of any season
        listed = folder / images
        return [PurePosixPath(line).name for line in read_lines(listed)]
    path = folder / side
    if not path.is_dir():
        raise DatasetError(f"{path}: there is no such folder: which season is it?")
    below = [each.relative_to(path) for each in path.rglob("*") if is_image(each)]
    below.sort(key=lambda each: [natural_order(Path(part)) for part in each.parts])
    return [each.as_posix() for each in below]


def _check_count(path: Path, there: int, published: int) -> None:
    if there != published:
        raise DatasetError(
            f"{path}: {there} images, published are {published}: name those with images=FILE, "
            "or say check=false"
        )


def _aligned(queries: int, database: int, step: int, tolerance: int) -> tuple[Indices, ...]:
    centers = (step * query for query in range(queries))
    return tuple(
        np.arange(max(0, center - tolerance), min(database, center + tolerance + 1))
        for center in centers
    )
