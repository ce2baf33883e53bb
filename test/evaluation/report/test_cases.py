# SPDX-License-Identifier: Apache-2.0
"""Which answers are shown, and the matrix of similarities."""

import numpy as np
import pytest
from retrieval_samples import NumberedImages, NumberExtractor

from vpr_ros.evaluation.features.feature_store import FeatureStore
from vpr_ros.evaluation.outcomes import Outcomes
from vpr_ros.evaluation.report.cases import (
    BEST,
    MISSED,
    WRONG,
    chosen,
    most_telling,
    similarity_matrix,
)
from vpr_ros.evaluation.scores import RERANKED, BestMatches
from vpr_ros.rerankers.matches import Matches


def judged(right, scores, hits, findable=None):
    count = len(right)
    every = np.ones(count, bool)
    outcomes = Outcomes(
        best=np.zeros(count, np.int64),
        right=np.array(right),
        findable=np.array(every if findable is None else findable),
        judged=every,
        accepted=every,
        probability=np.array(scores, float),
    )
    return BestMatches("rule", RERANKED, np.array(hits), every, outcomes)


def test_the_surest_and_the_hardest():
    found = chosen(
        judged(
            right=[True, True, False, False, False, False],
            scores=[5, 9, 8, 3, 2, 7],
            hits=[0, 0, 4, 30, -1, -1],
            findable=[True, True, True, True, True, False],
        ),
        each=2,
    )
    assert found == {BEST: [1, 0], WRONG: [2, 5], MISSED: [4, 3]}


def test_neighbors_make_room_for_others():
    scores = np.exp(-np.abs(np.arange(80) - 40) / 10.0)  # the surest stand side by side
    found = chosen(judged([True] * 80, scores, [0] * 80), each=4)[BEST]
    assert min(np.diff(sorted(found))) >= 5
    assert 40 in found


def test_matrix(tmp_path):
    with FeatureStore(tmp_path, NumberedImages(30, broken=(4,)), NumberExtractor()) as store:
        store.fill(lambda: None, lambda error: None)
        matrix = similarity_matrix(store, store, side=10)
        assert matrix.similarities.shape == (10, 10)
        assert (matrix.queries[0], matrix.queries[-1]) == (0, 29)
        assert 4 not in matrix.queries
        assert np.diag(matrix.similarities) == pytest.approx(1.0)
        assert similarity_matrix(store, store, side=99).similarities.shape == (29, 29)


def test_points_are_drawn_from_all_of_them():
    points = np.stack([np.arange(100.0), np.zeros(100)], axis=1).astype(np.float32)
    shown = most_telling(Matches(points, points), 10)
    assert [start[0] for start, _ in shown] == [5.0 + 10.0 * number for number in range(10)]
    assert most_telling(Matches(points[:0], points[:0]), 10) == []
