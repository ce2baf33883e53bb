# SPDX-License-Identifier: Apache-2.0
"""How far the pose of the matched place is from the query's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.errors import DatasetError
from vpr_ros.geometry.poses import angle, distance

Reals = NDArray[np.float64]

# (Meters, radians): high, medium and coarse precision of Sattler et al., Benchmarking 6DOF Outdoor
# Visual Localization in Changing Conditions, CVPR 2018, section 5.
BUCKETS = (
    (0.25, math.radians(2.0)),
    (0.5, math.radians(5.0)),
    (5.0, math.radians(10.0)),
)


@dataclass(frozen=True)
class Errors:
    """Errors of Q answers; infinite where there is no answer or no pose of it."""

    distances: Reals  # [Q] meters
    angles: Reals  # [Q] radians


def localization_errors(
    truths: Sequence[Pose | None], answers: Sequence[Pose | None]
) -> tuple[Errors, NDArray[np.bool_]]:
    """Errors of answered poses, and which queries have a truth to be judged by, [Q].

    Args:
        truths: where each query was taken; None where that is unknown: such a query is left out.
        answers: the pose of what it was matched with; None where nothing was.

    Returns:
        The errors of the J queries that can be judged, [J], and which of all those are, [Q].

    Raises:
        DatasetError: there are not as many of one as of the other.
    """
    if len(truths) != len(answers):
        raise DatasetError(f"{len(answers)} answers for {len(truths)} queries: cannot judge")
    judged = [(truth, answer) for truth, answer in zip(truths, answers, strict=True) if truth]
    errors = np.array([_error(truth, answer) for truth, answer in judged], float).reshape(-1, 2)
    return Errors(errors[:, 0], errors[:, 1]), np.array([truth is not None for truth in truths])


def bucket_shares(
    errors: Errors, buckets: Sequence[tuple[float, float]] = BUCKETS
) -> tuple[float, ...]:
    """Part of the answers within each (meters, radians), borders included; NaN without answers.

    An answer must keep both limits at once.
    """
    # Degrees that became radians and a quaternion come back a little off: hence the 1e-9.
    return tuple(
        float(np.mean((errors.distances <= meters + 1e-9) & (errors.angles <= radians + 1e-9)))
        if len(errors.distances)
        else math.nan
        for meters, radians in buckets
    )


def error_percentiles(
    errors: Errors, percents: Sequence[float] = (50.0, 90.0, 95.0)
) -> dict[float, tuple[float, float]]:
    """Percent -> (meters, radians) that this part of the answers does not exceed.

    The two are percentiles of their own, and infinite where so many queries have no answer.

    Raises:
        DatasetError: there are no answers.
    """
    if not len(errors.distances):
        raise DatasetError("no answer has a truth to be judged by: no errors")
    # Errors that occurred rather than means of two, of which one may be infinite.
    pairs = (errors.distances, errors.angles)
    meters, radians = (np.percentile(each, percents, method="higher") for each in pairs)
    return {
        percent: (float(m), float(r))
        for percent, m, r in zip(percents, meters, radians, strict=True)
    }


def _error(truth: Pose, answer: Pose | None) -> tuple[float, float]:
    if answer is None:
        return math.inf, math.inf
    return distance(truth, answer), angle(truth, answer)
