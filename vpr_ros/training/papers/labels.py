# SPDX-License-Identifier: Apache-2.0
"""Which images of a data set with known places pull together, and which push apart.

Shapes: Q queries, N database images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.config.setting import setting
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.positives import Places, positives_within
from vpr_ros.evaluation.retrieval_set import ImageSource, Indices, RetrievalSet


@dataclass(frozen=True)
class LabelRecipe:
    """When two images show one place, for training."""

    rule: str = setting(
        "distance",
        "distance: R2Former's; field_of_view: TransVPR's",
        choices=("distance", "field_of_view"),
    )
    positive_distance: float = setting(
        10.0, "distance: positives are at most so far away, meters", minimum=0.0
    )
    negative_distance: float = setting(
        25.0, "Negatives are farther away than this, meters", minimum=0.0
    )
    view_distance: float = setting(
        40.0, "field_of_view: meters at which no overlap is left", minimum=1e-3
    )
    view_angle: float = setting(
        25.0, "field_of_view: degrees at which no overlap is left", minimum=1e-3
    )


@dataclass(frozen=True)
class LabeledSet:
    """Images with what training has to know of their places."""

    queries: ImageSource
    database: ImageSource
    indices: Indices  # of the queries that have positives and negatives, ascending
    positives: tuple[Indices, ...]  # [Q] of all queries
    excluded: tuple[Indices, ...]  # [Q] database images that are no negatives


def label(data: RetrievalSet, recipe: LabelRecipe) -> LabeledSet:
    """Apply a rule to a data set.

    Queries without positives are left out, as the papers do, and those without negatives.

    Raises:
        DatasetError: the poses that the rule needs are not known, or no query is left.
    """
    if not data.database_poses or not data.query_poses:
        raise DatasetError(f"{data.name}: training needs the poses of its images")
    queries, database = Places.of_poses(data.query_poses), Places.of_poses(data.database_poses)
    excluded = positives_within(queries, database, recipe.negative_distance)
    if recipe.rule == "distance":
        positives = positives_within(queries, database, recipe.positive_distance)
    else:
        positives = _overlapping(queries, database, recipe)
        pairs = zip(excluded, positives, strict=True)
        excluded = tuple(np.union1d(left, right) for left, right in pairs)
    if data.database is data.queries:  # one drive: an image is no positive of itself
        positives = tuple(each[each != n] for n, each in enumerate(positives))
    count = len(data.database.names)
    indices = np.array(
        [n for n, found in enumerate(positives) if len(found) and len(excluded[n]) < count],
        np.int64,
    )
    if not len(indices):
        raise DatasetError(
            f"{data.name}: no query has a positive by the rule {recipe.rule}, and a negative: "
            f"farther than {recipe.negative_distance:g} m"
        )
    return LabeledSet(data.queries, data.database, indices, positives, excluded)


def view_distance(
    query: NDArray[np.float64],  # position, meters, [2 or 3]
    others: NDArray[np.float64],  # positions, [N, 2 or 3]
    heading: float,  # radians
    headings: NDArray[np.float64],  # radians, [N]
    recipe: LabelRecipe,  # with the two constants
) -> NDArray[np.float64]:
    """TransVPR's mixed distance: below 1, fields of view overlap.

    Wang et al., "TransVPR", CVPR 2022, supplement, equation 1: ``||x_i - x_j|| / 40 +
    (theta_i - theta_j) / 25``. So it is printed: 40 for meters and 25 for degrees, while the same
    paragraph calls images within 25 m and 40 degrees ground truth. The two may have been swapped:
    hence they are parameters. The angle is printed without a sign being taken off; a difference
    that lowers the distance cannot be meant.
    """
    meters = np.linalg.norm(others - query, axis=1)
    turned = np.abs((headings - heading + math.pi) % (2.0 * math.pi) - math.pi)
    return np.asarray(meters / recipe.view_distance + np.degrees(turned) / recipe.view_angle)


def _overlapping(queries: Places, database: Places, recipe: LabelRecipe) -> tuple[Indices, ...]:
    """Database images whose mixed distance from each query is below 1, [Q]."""
    asked, known = _headings(queries), _headings(database)
    found = []
    # Nothing farther than this can overlap; the rest is compared exactly.
    for query, near in enumerate(positives_within(queries, database, recipe.view_distance)):
        distance = view_distance(
            queries.positions[query], database.positions[near], asked[query], known[near], recipe
        )
        found.append(near[distance < 1.0])
    return tuple(found)


def _headings(places: Places) -> NDArray[np.float64]:
    """About the vertical axis, radians, [N]; NaN where unknown."""
    assert places.orientations is not None  # poses always have one
    x, y, z, w = places.orientations.T
    return np.asarray(np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))
