# SPDX-License-Identifier: Apache-2.0
"""Which database images show a query's place: those taken near it, looking the same way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.retrieval_set import Indices

# Warburg et al., Mapillary Street-Level Sequences, CVPR 2020, section 4.
MAX_DISTANCE = 25.0  # meters
MAX_ANGLE = math.radians(40.0)

_BLOCK_PAIRS = 2_000_000  # pairs that are compared at once, to bound the memory

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """Where N images were taken."""

    positions: Reals  # [N, 2] or [N, 3] meters; NaN where unknown
    orientations: Reals | None = None  # [N, 4] unit quaternions x, y, z, w; None where unknown

    @classmethod
    def of_poses(cls, poses: Sequence[Pose | None]) -> Places:
        """The places of poses that are given in one frame; an unknown one is near nothing."""
        positions = np.full((len(poses), 3), np.nan)
        orientations = np.full((len(poses), 4), np.nan)
        for index, pose in enumerate(poses):
            if pose is not None:
                positions[index], orientations[index] = pose.position, pose.orientation
        return cls(positions, orientations)


def orientations_of(headings: Sequence[float] | Reals) -> Reals:
    """Quaternions [N, 4] of headings in the plane, radians; directions may run either way."""
    halves = 0.5 * np.asarray(headings, float)
    zeros = np.zeros_like(halves)
    return np.stack([zeros, zeros, np.sin(halves), np.cos(halves)], axis=1)


def positives_within(
    queries: Places,
    database: Places,
    max_distance: float = MAX_DISTANCE,
    max_angle: float | None = None,
) -> tuple[Indices, ...]:
    """Database images within a distance of each query, borders included, [Q] ascending.

    Memory is bounded: both sides are ordered by x and compared in blocks, and only what lies near
    in x is looked at.

    Args:
        queries: in the frame of the database.
        database: where its images were taken.
        max_distance: meters.
        max_angle: radians between the orientations; None leaves them out of it.

    Raises:
        DatasetError: a limit is out of range, or orientations are asked for and not known.
    """
    _check(queries, database, max_distance, max_angle)
    found: list[Indices] = [np.empty(0, np.int64)] * len(queries.positions)
    order = np.argsort(database.positions[:, 0], kind="stable")  # NaN come last
    along = database.positions[order, 0]
    for block in _blocks(queries.positions[:, 0], len(order)):
        x = queries.positions[block, 0]
        start = int(np.searchsorted(along, x.min() - max_distance, "left"))
        stop = int(np.searchsorted(along, x.max() + max_distance, "right"))
        near = order[start:stop]
        for query, hits in zip(
            block, _near(queries, block, database, near, max_distance, max_angle), strict=True
        ):
            found[query] = np.sort(near[hits]).astype(np.int64)
    return tuple(found)


def positives_of_poses(
    where: object,
    queries: Sequence[Pose | None],
    database: Sequence[Pose | None],
    max_distance: float,
    max_angle: float | None = None,
) -> tuple[Indices, ...]:
    """The same for poses in one frame; ``where`` they come from is for the message.

    Raises:
        DatasetError: as ``positives_within``, or there are none at all.
    """
    ours, theirs = Places.of_poses(queries), Places.of_poses(database)
    positives = positives_within(ours, theirs, max_distance, max_angle)
    if not any(map(len, positives)):
        rule = rule_name(max_distance, max_angle)
        raise DatasetError(f"{where}: no query has a database image within {rule}")
    return positives


def rule_name(max_distance: float, max_angle: float | None = None) -> str:
    """What a rule is called: its meters, and degrees if it has some."""
    angle = f", {math.degrees(max_angle):g} deg" if max_angle else ""
    return f"{max_distance:g} m{angle}"


def _blocks(x: Reals, others: int) -> list[Indices]:
    """Queries whose place is known, in blocks of neighbors in x."""
    order = np.argsort(x, kind="stable")
    known = order[: int(np.isfinite(x).sum())]
    size = max(1, _BLOCK_PAIRS // max(1, others))
    return [known[start : start + size] for start in range(0, len(known), size)]


def _near(
    queries: Places,
    block: Indices,
    database: Places,
    near: Indices,
    max_distance: float,
    max_angle: float | None,
) -> NDArray[np.bool_]:
    """Whether each database image of ``near`` is a positive of each query of ``block``, [B, N]."""
    squares = np.zeros((len(block), len(near)))
    for axis in range(queries.positions.shape[1]):
        ours, theirs = queries.positions[block, axis], database.positions[near, axis]
        squares += (ours[:, None] - theirs[None, :]) ** 2
    is_near: NDArray[np.bool_] = squares <= max_distance**2  # NaN is not
    if max_angle is not None and queries.orientations is not None:
        assert database.orientations is not None  # checked before
        dots = np.abs(queries.orientations[block] @ database.orientations[near].T)
        # Not the arc cosine: near 1 it would lose what the limit's rounding leaves.
        is_near &= dots >= math.cos(0.5 * max_angle) - 1e-12
    return is_near


def _check(queries: Places, database: Places, max_distance: float, max_angle: float | None) -> None:
    if not (max_distance >= 0.0 and math.isfinite(max_distance)):
        raise DatasetError(f"distance = {max_distance}: must be 0 m or more")
    if queries.positions.shape[1] != database.positions.shape[1]:
        raise DatasetError("queries and database do not both have two or three coordinates")
    if max_angle is None:
        return
    if not 0.0 < max_angle <= math.pi:
        raise DatasetError(f"angle = {math.degrees(max_angle)} degrees: must be from 0 to 180")
    if queries.orientations is None or database.orientations is None:
        raise DatasetError("positives by angle need headings: leave the angle out")
