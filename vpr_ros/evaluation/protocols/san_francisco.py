# SPDX-License-Identifier: Apache-2.0
"""San Francisco landmarks (Chen et al., City-Scale Landmark Identification, CVPR 2011).

An answer is right if the building it shows is one of those that the query shows: the ground truth
file lists buildings for each query (``0000 671172717 ...``), and names of database images hold
theirs (``PCI_sp_11841_37.79_-122.39_937762214_0_727224067_344.2_-37.6.jpg``: the eighth of the
fields between underscores). Every one of the 803 queries counts, as in the package's scripts.

The database are the perspective central images (PCI), as in NetVLAD and APPSVR; the frontal ones
(PFI) are a database of their own. The ground truth was corrected in April 2014: that file is taken
where it is there, and the first one otherwise.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from vpr_ros.drives.image_files import ImageFiles, images_below
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet
from vpr_ros.evaluation.table_files import read_lines

QUERIES = "BuildingQueryImagesCartoIDCorrected-Upright"
_TRUTHS = ("cartoid_groundTruth_2014_04.txt", "cartoid_groundTruth.txt")
_FIELDS, _BUILDING = 10, 7


def read(
    folder: Path, database: str = ".", queries: str = QUERIES, truth: str = ""
) -> RetrievalSet:
    """The database's images anywhere below a folder, the queries' folder, the ground truth."""
    buildings = _truth(_truth_path(folder, truth))
    every = images_below(folder / database)
    names = [name for name in every if PurePosixPath(name).name.startswith("PCI_")]
    if not names:
        raise DatasetError(f"{folder / database}: no images named PCI_...: unpack the database")
    shown = _shown(folder / database, names)
    positives = tuple(_right(each, shown) for each in buildings.values())
    if not any(map(len, positives)):
        raise DatasetError(f"{folder}: no database image shows a building of the ground truth")
    return RetrievalSet(
        "san-francisco",
        ImageFiles(folder / database, names),
        ImageFiles(folder / queries, [f"{name}.jpg" for name in buildings]),
        {"building": Relevance(positives, counts_unmatched=True)},
    )


PROTOCOL = Protocol(
    "San Francisco landmarks: the same building",
    read,
    {
        "database": Option(".", "folder below which the PCI images lie"),
        "queries": Option(QUERIES, "folder of the queries"),
        "truth": Option("", f"ground truth file; the first of {', '.join(_TRUTHS)} if empty"),
    },
)


def _truth_path(folder: Path, name: str) -> Path:
    for each in (name,) if name else _TRUTHS:
        for path in (folder / each, folder / "Evaluation_Package" / each):
            if path.is_file():
                return path
    raise DatasetError(f"{folder}: no {name or ' or '.join(_TRUTHS)}: it is in Evaluation_Package")


def _truth(path: Path) -> dict[str, tuple[str, ...]]:
    """Query -> buildings that it shows."""
    found = {}
    for line in read_lines(path):
        name, *buildings = line.split()
        if not all(each.isdecimal() for each in buildings):
            raise DatasetError(f"{path}: {line!r}: not a query and numbers of buildings")
        found[name] = tuple(buildings)
    if not found:
        raise DatasetError(f"{path}: no queries")
    return found


def _shown(folder: Path, names: list[str]) -> dict[str, Indices]:
    """Building -> database images that show it."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        fields = PurePosixPath(name).stem.split("_")
        if len(fields) != _FIELDS:
            raise DatasetError(f"{folder / name}: {len(fields)} fields, PCI images have {_FIELDS}")
        found.setdefault(fields[_BUILDING], []).append(index)
    return {building: np.array(indices, np.int64) for building, indices in found.items()}


def _right(buildings: tuple[str, ...], shown: dict[str, Indices]) -> Indices:
    found = [shown[each] for each in buildings if each in shown]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
