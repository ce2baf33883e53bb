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


def localization_errors(truths: Sequence[Pose | None], answers: Sequence[Pose | None]) -> Errors:
    """Errors of answered poses, for the queries that have a truth to be judged by.

    An answer is the pose of what the query was matched with, None where nothing was.

    Raises:
        DatasetError: there are not as many of one as of the other.
    """
    if len(truths) != len(answers):
        raise DatasetError(f"{len(answers)} answers for {len(truths)} queries: cannot judge")
    pairs = [(truth, answer) for truth, answer in zip(truths, answers, strict=True) if truth]
    far = (math.inf, math.inf)
    rows = [(distance(t, a), angle(t, a)) if a else far for t, a in pairs]
    return Errors(*np.array(rows, float).reshape(-1, 2).T)


def error_percentiles(errors: Errors, percents: Sequence[float]) -> tuple[Reals, Reals]:
    """(Meters, radians) that these parts of the answers do not exceed.

    The two are percentiles of their own, and infinite where so many queries have no answer.

    Raises:
        DatasetError: there are no answers.
    """
    if not len(errors.distances):
        raise DatasetError("no answer has a truth to be judged by: no errors")
    # Errors that occurred rather than means of two, of which one may be infinite.
    meters, radians = (
        np.percentile(each, percents, method="higher") for each in (errors.distances, errors.angles)
    )
    return meters, radians
