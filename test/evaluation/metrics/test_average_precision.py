# SPDX-License-Identifier: Apache-2.0
"""Mean average precision: by hand, and against the pseudo code of the published evaluation."""

import math

import numpy as np
import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics import average_precisions, mean_average_precision
from vpr_ros.evaluation.retrieval_set import Relevance


def indices(*lists):
    return tuple(np.array(each, np.int64) for each in lists)


def test_right_ones_first_is_one():
    assert average_precisions([np.array([2, 1, 0])], Relevance(indices([1, 2]))).tolist() == [1.0]


def test_trapezoids_by_hand():
    # Right ones at places 1 and 3 of 0, 1, 2, 3: precision rises from 0 to 1/2, then from 1/3 to
    # 2/4; each adds 1/2 of recall.
    ranking = [np.array([9, 0, 8, 1])]
    expected = 0.5 * (0.0 + 1 / 2) / 2 + 0.5 * (1 / 3 + 2 / 4) / 2
    assert average_precisions(ranking, Relevance(indices([0, 1])))[0] == pytest.approx(expected)


def test_ignored_images_move_the_others_up():
    ranking = [np.array([7, 0, 8, 1])]
    relevance = Relevance(indices([0, 1]), indices([7, 8]))
    assert average_precisions(ranking, relevance)[0] == 1.0


def test_never_found_counts():
    assert average_precisions([np.array([0])], Relevance(indices([0, 5])))[0] == 0.5


def test_queries_without_right_images_are_left_out_of_the_mean():
    rankings = [np.array([0, 1]), np.array([0, 1])]
    relevance = Relevance(indices([0], []))
    assert math.isnan(average_precisions(rankings, relevance)[1])
    assert mean_average_precision(rankings, relevance) == 1.0


def test_what_cannot_be_averaged():
    with pytest.raises(DatasetError, match="no query has a positive"):
        mean_average_precision([np.array([0])], Relevance(indices([])))
    with pytest.raises(DatasetError, match="2 rankings for 1 queries"):
        average_precisions([np.array([0])] * 2, Relevance(indices([0])))
