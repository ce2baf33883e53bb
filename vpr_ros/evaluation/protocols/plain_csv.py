# SPDX-License-Identifier: Apache-2.0
"""Plain folders with one CSV file of all images: where or when each was taken.

Columns (others may stand beside them, and may be named by the options):

===================  ==========================================================================
 ``image``            path of the image below the folder
 ``split``            ``database``, or ``query`` or ``queries``
 ``x``, ``y``         meters; with ``z`` if all have it: right is what lies within ``distance``
 ``heading``          degrees counterclockwise from the x axis, for ``angle``; or the quaternion
                      ``qx``, ``qy``, ``qz``, ``qw``
 ``frame``            without ``x``: the number in its walk (any unit, ``order`` names another
                      column): right is what lies within ``tolerance`` of it
===================  ==========================================================================

Options name further columns: ``walk``: only images of the same walk can be right; ``map``: each
value is a map of its own, in which alone its queries are looked for (other maps' images are
ignored); ``condition``: queries are also counted apart by its value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vpr_ros.datatypes import Pose
from vpr_ros.drives.image_files import ImageFiles
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.positives import (
    MAX_DISTANCE,
    Places,
    positives_of_poses,
    positives_within,
    rule_name,
)
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.protocols.planar import grouped, numbered, plane_pose
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet
from vpr_ros.evaluation.table_files import Row, number, read_table
from vpr_ros.geometry.poses import PoseError, checked_pose

FILE = "manifest.csv"
SEQUENCE_IMAGES = 10  # neighbors of one walk are right or wrong together


@dataclass(frozen=True)
class _Rule:
    """The options: what is right, and which columns say more."""

    path: Path
    distance: float
    angle: float
    order: str
    tolerance: float
    walk: str
    map: str
    condition: str

    def columns(self) -> list[str]:
        """What the table must have, whatever its rule."""
        named = [each for each in (self.walk, self.map, self.condition) if each]
        return ["image", "split", *named]


def read(folder: Path, file: str = FILE, **options: Any) -> RetrievalSet:
    """The images that a table lists."""
    rule = _Rule(folder / file, **options)
    rows = read_table(rule.path, rule.columns())
    database = [row for row in rows if row["split"] == "database"]
    queries = [row for row in rows if row["split"] in ("query", "queries")]
    if not database or not queries:
        raise DatasetError(f"{rule.path}: column split must have rows of database and of query")
    is_placed = {"x", "y"} <= set(rows[0])
    name, near = (_near if is_placed else _in_order)(queries, database, rule)
    elsewhere = _others(queries, database, rule.map)
    not_right = zip(near, elsewhere, _others(queries, database, rule.walk), strict=True)
    positives = tuple(np.setdiff1d(each, np.union1d(*others)) for each, *others in not_right)
    if not any(map(len, positives)):
        raise DatasetError(f"{rule.path}: no query has a database image within {name}")
    return RetrievalSet(
        folder.name,
        ImageFiles(folder, [row["image"] for row in database]),
        ImageFiles(folder, [row["image"] for row in queries]),
        {name: Relevance(positives, elsewhere if rule.map else ())},
        grouped([row[rule.condition] for row in queries]) if rule.condition else {},
        _sequences(queries, rule),
        tuple(_pose(row, rule.path) for row in database) if is_placed else (),
        tuple(_pose(row, rule.path) for row in queries) if is_placed else (),
    )


PROTOCOL = Protocol(
    "plain folders with a CSV file: near in place, or in the order of frames",
    read,
    {
        "file": Option(FILE, "the table"),
        "distance": Option(MAX_DISTANCE, "meters within which a database image is right"),
        "angle": Option(0.0, "degrees that both may look apart; 0: any"),
        "order": Option("frame", "column that orders a walk, where there are no x and y"),
        "tolerance": Option(2.0, "how much a right image may be off in that order"),
        "walk": Option("", "column: right images are of the query's walk"),
        "map": Option("", "column: queries are looked for in their map alone"),
        "condition": Option("", "column by which queries are counted apart, too"),
    },
)


def _near(queries: list[Row], database: list[Row], rule: _Rule) -> tuple[str, tuple[Indices, ...]]:
    if rule.angle and not all(row.get("heading") or row.get("qw") for row in (*queries, *database)):
        raise DatasetError(f"{rule.path}: no column heading, or empty: leave the angle out")
    angle = math.radians(rule.angle) if rule.angle else None
    ours, theirs = ([_pose(row, rule.path) for row in side] for side in (queries, database))
    near = positives_of_poses(rule.path, ours, theirs, rule.distance, angle)
    return rule_name(rule.distance, angle), near


def _in_order(
    queries: list[Row], database: list[Row], rule: _Rule
) -> tuple[str, tuple[Indices, ...]]:
    """Numbers along a walk are places on a line."""
    if rule.order not in database[0]:
        has = ", ".join(filter(None, database[0]))
        raise DatasetError(f"{rule.path}: no columns x and y, nor {rule.order}: there are {has}")
    ours, theirs = (
        np.array([[number(row, rule.order, rule.path), 0.0] for row in side])
        for side in (queries, database)
    )
    name = f"{rule.tolerance:g} of {rule.order}"
    return name, positives_within(Places(ours), Places(theirs), rule.tolerance)


def _others(queries: list[Row], database: list[Row], column: str) -> tuple[Indices, ...]:
    """Database images with another value of a column than each query; none without a column."""
    if not column:
        return (np.empty(0, np.int64),) * len(queries)
    values = np.array([row[column] for row in database])
    # One array for each value, which its queries share.
    others = {label: np.flatnonzero(values != label) for label in {row[column] for row in queries}}
    return tuple(others[row[column]] for row in queries)


def _sequences(queries: list[Row], rule: _Rule) -> Indices:
    """Each walk if there are several, and stretches of the only one otherwise."""
    column = rule.walk or rule.map
    labels = [row[column] for row in queries] if column else []
    if len(set(labels)) > 1:
        return numbered(labels)
    return np.arange(len(queries)) // SEQUENCE_IMAGES


def _pose(row: Row, path: Path) -> Pose:
    x, y = number(row, "x", path), number(row, "y", path)
    heading = math.radians(number(row, "heading", path)) if row.get("heading") else None
    pose = plane_pose(x, y, heading)
    height = number(row, "z", path) if row.get("z") else 0.0
    if not row.get("qw"):
        return replace(pose, position=(x, y, height))
    try:
        turn = tuple(number(row, name, path) for name in ("qx", "qy", "qz", "qw"))
        return checked_pose((x, y, height), turn, pose.frame_id)
    except (KeyError, PoseError) as error:
        raise DatasetError(f"{path}: {row['image']}: no quaternion: {error}") from error
