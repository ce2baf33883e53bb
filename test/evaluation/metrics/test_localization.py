# SPDX-License-Identifier: Apache-2.0
"""Errors of matched poses: percentiles, missing answers."""

import math

import numpy as np
import pytest

from vpr_ros.datatypes import Pose
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.localization import (
    Errors,
    error_percentiles,
    localization_errors,
)


def pose(x, degrees=0.0):
    half = math.radians(degrees) / 2
    return Pose((x, 0.0, 0.0), (0.0, 0.0, math.sin(half), math.cos(half)), "map")


def test_errors_of_answers_and_of_none():
    errors = localization_errors([pose(0.0)] * 3, [pose(0.25, 2.0), pose(4.0, 11.0), None])
    assert errors.distances.tolist() == [0.25, 4.0, math.inf]
    assert np.degrees(errors.angles) == pytest.approx([2.0, 11.0, math.inf])


def test_queries_without_truth_are_left_out():
    errors = localization_errors([None, pose(0.0)], [pose(0.0), pose(3.0, 90.0)])
    assert errors.distances.tolist() == [3.0]
    assert errors.angles == pytest.approx([math.pi / 2])


def test_percentiles_are_errors_that_occurred():
    errors = Errors(np.array([1.0, 2.0, 3.0, math.inf]), np.array([0.1, 0.2, 0.3, math.inf]))
    meters, radians = error_percentiles(errors, (50.0, 95.0))
    assert meters.tolist() == [3.0, math.inf]
    assert radians.tolist() == [0.3, math.inf]


def test_nothing_to_judge():
    errors = localization_errors([None], [pose(0.0)])
    with pytest.raises(DatasetError, match="no answer has a truth"):
        error_percentiles(errors, (50.0,))
    with pytest.raises(DatasetError, match="1 answers for 2 queries"):
        localization_errors([None, None], [None])
