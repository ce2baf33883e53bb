# SPDX-License-Identifier: Apache-2.0
"""Without a second look, the global descriptors decide, and scores grow as distances vanish."""

import math

import numpy as np
import pytest

from vpr_ros.datatypes import Features
from vpr_ros.rerankers.similarity import SimilarityReranker


def at(similarity):
    """A unit descriptor whose inner product with (1, 0) is this."""
    return Features(np.array([similarity, math.sqrt(1.0 - similarity**2)], np.float32))


def test_scores_rank_as_the_similarity_does():
    similarities = [0.9, -0.5, 0.99, 0.3, 0.0]
    compared = SimilarityReranker().compare(at(1.0), [at(each) for each in similarities])
    expected = [-math.log(1.0 - max(each, 0.0)) for each in similarities]
    assert [each.score for each in compared] == pytest.approx(expected, rel=1e-5)


def test_the_same_image_scores_most_and_finitely():
    (same,) = SimilarityReranker().compare(at(1.0), [at(1.0)])
    assert 10.0 < same.score < 20.0


def test_nothing_is_known_of_geometry():
    (compared,) = SimilarityReranker().compare(at(1.0), [at(0.5)])
    assert compared.inliers == -1
    assert not compared.is_zoomed(1.01)
    assert len(compared.query_rows) == len(compared.candidate_rows) == 0
