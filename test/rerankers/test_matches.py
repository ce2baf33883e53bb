# SPDX-License-Identifier: Apache-2.0
"""People are shown the points that were counted, or the nearest of most attention."""

import numpy as np

from vpr_ros.datatypes import Comparison, Features, LocalFeatures
from vpr_ros.rerankers.matches import matched_points

SIZE = (640, 480)


def features(keypoints, scores, descriptors, size=SIZE):
    local = LocalFeatures(keypoints, scores, descriptors, size)
    return Features(np.zeros(1, np.float32), local)


def sample(seed, count=90):
    random = np.random.default_rng(seed)
    points = random.uniform(0, 1, (count, 2)).astype(np.float32)
    scores = random.uniform(0, 1, count).astype(np.float32)
    return points, scores, random.normal(size=(count, 128)).astype(np.float32)


def test_rows_become_parts_of_width_and_height():
    points, scores, descriptors = sample(1)
    query = features(points * SIZE, scores, descriptors)
    candidate = features(points * (320, 100), scores, descriptors, (320, 100))
    rows, others = np.array([3, 8], np.int32), np.array([5, 1], np.int32)
    shown = matched_points(query, candidate, Comparison(2.0, 2, 1.0, rows, others))
    np.testing.assert_allclose(shown.query, points[rows], rtol=1e-6)
    np.testing.assert_allclose(shown.candidate, points[others], rtol=1e-6)


def test_without_inliers_nothing_is_shown():
    image = features(*sample(2))
    shown = matched_points(image, image, Comparison(0.0, 0))
    assert shown.query.shape == shown.candidate.shape == (0, 2)


def test_where_nobody_counts_the_nearest_of_most_attention_are_shown():
    points, scores, descriptors = sample(3)
    order = np.random.default_rng(4).permutation(len(points))
    query = features(points * SIZE, scores, descriptors)
    moved = ((points + 0.25) * SIZE)[order]
    candidate = features(moved, scores[order], 7.0 * descriptors[order])
    shown = matched_points(query, candidate, Comparison(3.5))
    np.testing.assert_allclose(shown.query, points[np.argsort(-scores)[:40]], rtol=1e-5)
    np.testing.assert_allclose(shown.candidate - shown.query, 0.25, rtol=1e-4)


def test_images_without_features_match_nowhere():
    empty = features(*sample(5, count=0))
    shown = matched_points(empty, features(*sample(6)), Comparison(0.0))
    assert shown.query.shape == shown.candidate.shape == (0, 2)


def test_a_method_without_local_features_shows_no_matches():
    whole = Features(np.ones(1, np.float32))
    for pair in ((whole, whole), (whole, features(*sample(7))), (features(*sample(7)), whole)):
        shown = matched_points(*pair, Comparison(0.9))
        assert shown.query.shape == shown.candidate.shape == (0, 2)
