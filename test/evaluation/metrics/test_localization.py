# SPDX-License-Identifier: Apache-2.0
"""Errors of matched poses: buckets with their borders, percentiles, missing answers."""

import math

import numpy as np
import pytest

from vpr_ros.datatypes import Pose
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics import (
    BUCKETS,
    Errors,
    bucket_shares,
    error_percentiles,
    localization_errors,
)


def pose(x, degrees=0.0):
    half = math.radians(degrees) / 2
    return Pose((x, 0.0, 0.0), (0.0, 0.0, math.sin(half), math.cos(half)), "map")


def test_both_limits_of_a_bucket_hold_with_their_borders():
    truths = [pose(0.0)] * 5
    answers = [pose(0.25, 2.0), pose(0.25, 4.0), pose(0.5, 5.0), pose(4.0, 11.0), None]
    errors, judged = localization_errors(truths, answers)
    assert judged.all()
    assert bucket_shares(errors, BUCKETS) == (0.2, 0.6, 0.6)


def test_queries_without_truth_are_left_out():
    errors, judged = localization_errors([None, pose(0.0)], [pose(0.0), pose(3.0, 90.0)])
    assert judged.tolist() == [False, True]
    assert errors.distances.tolist() == [3.0]
    assert errors.angles == pytest.approx([math.pi / 2])


def test_percentiles_are_errors_that_occurred():
    errors = Errors(np.array([1.0, 2.0, 3.0, math.inf]), np.array([0.1, 0.2, 0.3, math.inf]))
    percentiles = error_percentiles(errors, (50.0, 95.0))
    assert percentiles == {50.0: (3.0, 0.3), 95.0: (math.inf, math.inf)}


def test_nothing_to_judge():
    errors, judged = localization_errors([None], [pose(0.0)])
    assert not judged.any()
    assert all(math.isnan(share) for share in bucket_shares(errors))
    with pytest.raises(DatasetError, match="no answer has a truth"):
        error_percentiles(errors)
    with pytest.raises(DatasetError, match="1 answers for 2 queries"):
        localization_errors([None, None], [None])
