# SPDX-License-Identifier: Apache-2.0
"""Mapillary Street-Level Sequences (Warburg et al., CVPR 2020), image to image.

The rules are those of the authors' evaluation code (github.com/mapillary/mapillary_sls):

- rows count whose subtask is meant (``subtask_index.csv``) and that are no panoramas (``raw.csv``);
- a database image of the same city within 25 m is right, borders included;
- queries without such an image are left out; the database stays whole.

The paper adds that both look the same way within 40 degrees. The code never looks at the compass
angle, and all published numbers come from it: so the rule that counts is ``25 m``, and the other,
``25 m, 40 deg``, stands beside it. The authors' code judges whatever ranking it is given; others
search each city alone. Here cities are searched together, as the challenge does; say
``cities=sf`` for one alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vpr_ros.datatypes import Pose
from vpr_ros.drives.image_files import ImageFiles
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.positives import (
    MAX_ANGLE,
    MAX_DISTANCE,
    Places,
    orientations_of,
    positives_within,
    rule_name,
)
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.protocols.planar import compass_heading, grouped, numbered, plane_pose
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet
from vpr_ros.evaluation.table_files import Row, number, read_table, truth_value

CITIES = {
    "train": (
        *("trondheim", "london", "boston", "melbourne", "amsterdam", "helsinki", "tokyo"),
        *("toronto", "saopaulo", "moscow", "zurich", "paris", "bangkok", "budapest", "austin"),
        *("berlin", "ottawa", "phoenix", "goa", "amman", "nairobi", "manila"),
    ),
    "val": ("cph", "sf"),
    "test": ("miami", "athens", "buenosaires", "stockholm", "bengaluru", "kampala"),
}
SUBTASKS = ("all", "s2w", "w2s", "o2n", "n2o", "d2n", "n2d")


@dataclass(frozen=True)
class _Image:
    """One image that counts."""

    name: str  # path below the data set's folder
    sequence: str
    city: str
    conditions: tuple[str, ...] = ()
    place: tuple[float, float] = (math.nan, math.nan)  # east and north, meters
    heading: float = math.nan  # radians

    @property
    def pose(self) -> Pose:
        """East where the compass angle is not known."""
        return plane_pose(*self.place, None if math.isnan(self.heading) else self.heading)


def read(
    folder: Path, split: str = "val", cities: str = "", subtask: str = "all", distance: float = 25.0
) -> RetrievalSet:
    """The training or validation cities, or those of the challenge, whose truth is secret."""
    if split not in CITIES:
        raise DatasetError(f"split = {split!r}: MSLS has {', '.join(CITIES)}")
    if subtask not in SUBTASKS:
        raise DatasetError(f"subtask = {subtask!r}: MSLS has {', '.join(SUBTASKS)}")
    wanted = cities.split(",") if cities else CITIES[split]
    database, queries = (
        [image for city in wanted for image in _images(folder, split, city, side, subtask)]
        for side in ("database", "query")
    )
    if not database or not queries:
        raise DatasetError(f"{folder}: no images of subtask {subtask} in {', '.join(wanted)}")
    if split == "test":
        return _set(folder, split, database, queries, {})
    return _judged(folder, split, database, queries, distance)


def _judged(
    folder: Path, split: str, database: list[_Image], queries: list[_Image], distance: float
) -> RetrievalSet:
    near = _positives(queries, database, distance, None)
    kept = [index for index, each in enumerate(near) if len(each)]
    if not kept:
        raise DatasetError(f"{folder}: no query has a database image within {distance:g} m")
    queries = [queries[index] for index in kept]
    relevance = {
        rule_name(distance): Relevance(tuple(near[index] for index in kept)),
        rule_name(distance, MAX_ANGLE): Relevance(
            _positives(queries, database, distance, MAX_ANGLE)
        ),
    }
    return _set(folder, split, database, queries, relevance)


PROTOCOL = Protocol(
    "Mapillary Street-Level Sequences: within 25 m",
    read,
    {
        "split": Option("val", "val, train, or test: the challenge, whose truth is secret"),
        "cities": Option("", "names with commas; all of the split if empty"),
        "subtask": Option("all", f"one of {', '.join(SUBTASKS)}"),
        "distance": Option(MAX_DISTANCE, "meters within which a database image is right"),
    },
)


def _images(folder: Path, split: str, city: str, side: str, subtask: str) -> list[_Image]:
    base = folder / ("test" if split == "test" else "train_val") / city / side
    info = read_table(base / "seq_info.csv", ("key", "sequence_key"))
    index_path = base / "subtask_index.csv"
    subtasks = read_table(index_path, (subtask,))
    _check_lengths(base, len(info), len(subtasks), "subtask_index.csv")
    chosen = [row for row, each in enumerate(subtasks) if truth_value(each, subtask, index_path)]
    below = base.relative_to(folder).as_posix()
    if split == "test":  # no positions, and nobody knows which ones are panoramas
        return [
            _Image(f"{below}/images/{info[row]['key']}.jpg", info[row]["sequence_key"], city)
            for row in chosen
        ]
    return _located(base, below, city, info, chosen)


def _located(base: Path, below: str, city: str, info: list[Row], chosen: list[int]) -> list[_Image]:
    places_path, raw_path = base / "postprocessed.csv", base / "raw.csv"
    places = read_table(places_path, ("easting", "northing", "night", "view_direction"))
    raw = read_table(raw_path, ("pano", "ca"))
    _check_lengths(base, len(info), len(places), "postprocessed.csv")
    _check_lengths(base, len(info), len(raw), "raw.csv")
    images = []
    for row in chosen:
        if truth_value(raw[row], "pano", raw_path):
            continue
        place, key = places[row], info[row]["key"]
        east, north = (number(place, each, places_path) for each in ("easting", "northing"))
        # Without a compass angle an image is right by its distance alone.
        compass = number(raw[row], "ca", raw_path) if raw[row]["ca"] else math.nan
        light = "night" if truth_value(place, "night", places_path) else "day"
        conditions = (city, light, place["view_direction"].lower())
        name, sequence = f"{below}/images/{key}.jpg", info[row]["sequence_key"]
        heading = compass_heading(compass)
        images.append(_Image(name, sequence, city, conditions, (east, north), heading))
    return images


def _positives(
    queries: list[_Image], database: list[_Image], distance: float, angle: float | None
) -> tuple[Indices, ...]:
    """Of the same city: the cities' coordinates are of different UTM zones."""
    found: list[Indices] = [np.empty(0, np.int64)] * len(queries)
    theirs = grouped([each.city for each in database])
    for city, ours in grouped([each.city for each in queries]).items():
        if city in theirs:
            asked = _places([queries[index] for index in ours])
            known = _places([database[index] for index in theirs[city]])
            near = positives_within(asked, known, distance, angle)
            for index, each in zip(ours, near, strict=True):
                found[index] = theirs[city][each]
    return tuple(found)


def _places(images: list[_Image]) -> Places:
    turns = orientations_of([image.heading for image in images])
    return Places(np.array([image.place for image in images]), turns)


def _set(
    folder: Path,
    split: str,
    database: list[_Image],
    queries: list[_Image],
    relevance: dict[str, Relevance],
) -> RetrievalSet:
    labels = sorted({label for each in queries for label in each.conditions})
    conditions = {
        label: np.array([i for i, each in enumerate(queries) if label in each.conditions])
        for label in labels
    }
    has_poses = split != "test"
    return RetrievalSet(
        f"msls-{split}",
        ImageFiles(folder, [each.name for each in database]),
        ImageFiles(folder, [each.name for each in queries]),
        relevance,
        conditions,
        numbered([each.sequence for each in queries]),
        tuple(each.pose for each in database) if has_poses else (),
        tuple(each.pose for each in queries) if has_poses else (),
    )


def _check_lengths(base: Path, expected: int, there: int, name: str) -> None:
    if expected != there:
        raise DatasetError(
            f"{base / name}: {there} rows, but seq_info.csv has {expected}: of another release?"
        )
