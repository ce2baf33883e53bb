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
    similarity_matrix,
)


def choose(right, scores, hits, findable=None, each=2):
    count = len(right)
    every = np.ones(count, bool)
    outcomes = Outcomes(
        best=np.zeros(count, np.int64),
        right=np.array(right),
        findable=every if findable is None else np.array(findable),
        judged=every,
        accepted=every,
        probability=np.array(scores, float),
    )
    return chosen(outcomes, np.array(hits), each)


def test_the_surest_and_the_hardest():
    found = choose(
        right=[True, True, False, False, False, False],
        scores=[5, 9, 8, 3, 2, 7],
        hits=[0, 0, 4, 30, -1, -1],
        findable=[True, True, True, True, True, False],
    )
    assert found == {BEST: [1, 0], WRONG: [2, 5], MISSED: [4, 3]}


def test_neighbors_make_room_for_others():
    scores = np.exp(-np.abs(np.arange(80) - 40) / 10.0)  # the surest stand side by side
    found = choose([True] * 80, scores, [0] * 80, each=4)[BEST]
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
