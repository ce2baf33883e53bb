# SPDX-License-Identifier: Apache-2.0
"""A known homography is found, none is seen where there is none, and nothing crashes it."""

import itertools
import math
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.config import HomographyConfig
from vpr_ros.datatypes import Features, LocalFeatures
from vpr_ros.extractors.hand_made import hog_sift
from vpr_ros.rerankers.homography import HomographyReranker
from vpr_ros.rerankers.matches import mutual_nearest


@pytest.fixture(scope="module")
def reranker():
    return HomographyReranker(HomographyConfig())


@pytest.fixture(scope="module")
def describe():
    return hog_sift().extract


def zoomed(image, factor):
    """The view from nearer (factor > 1) or farther, about the image's center."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.0, factor)
    return cv2.warpAffine(image, matrix, (width, height))


def slanted(image):
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + np.array([[20, 10], [-10, 15], [-15, -5], [10, -20]], np.float32)
    return cv2.warpPerspective(image, cv2.getPerspectiveTransform(corners, moved), (width, height))


def points_only(points, size=(640, 480)):
    """Features at these points, of which the i-th matches any other i-th and nothing else."""
    keypoints = np.array(points, np.float32).reshape(-1, 2)
    count = len(keypoints)
    local = LocalFeatures(
        keypoints, np.ones(count, np.float32), np.eye(count, 128, dtype=np.float32), size
    )
    return Features(np.ones(1, np.float32), local)


def test_a_slanted_view_of_one_scene_agrees_in_many_inliers(reranker, describe, scene):
    (result,) = reranker.compare(describe(slanted(scene(1))), [describe(scene(1))])
    assert result.inliers > 60
    assert result.score == result.inliers


@pytest.mark.parametrize("factor", [1 / 1.5, 1 / 1.2, 1.0, 1.2, 1.5])
def test_zoom_tells_how_much_larger_the_query_shows_the_scene(reranker, describe, scene, factor):
    (result,) = reranker.compare(describe(zoomed(scene(1), factor)), [describe(scene(1))])
    assert result.inliers > 40
    assert result.zoom == pytest.approx(factor, rel=0.03)


def test_zoom_is_a_ratio_of_fractions_of_the_scene_not_of_pixels(reranker, describe, scene):
    large = cv2.resize(scene(1), None, fx=2, fy=2)
    (result,) = reranker.compare(describe(large), [describe(scene(1))])
    assert result.inliers > 40
    assert result.zoom == pytest.approx(1.0, rel=0.05)


def test_scenes_that_have_nothing_in_common_agree_in_few(reranker, describe, scene):
    results = reranker.compare(describe(scene(1)), [describe(scene(seed)) for seed in range(2, 8)])
    assert max(result.inliers for result in results) < 10


def test_scores_come_in_the_order_of_the_candidates(reranker, describe, scene):
    query = describe(scene(1))
    views = [describe(image) for image in (scene(1), slanted(scene(1)), scene(2))]
    alone = [reranker.compare(query, [view])[0] for view in views]
    for order in itertools.permutations(range(3)):
        assert reranker.compare(query, [views[i] for i in order]) == [alone[i] for i in order]
    assert alone[0].score > alone[1].score > alone[2].score


def test_no_candidates_have_no_scores(reranker):
    assert reranker.compare(points_only([]), []) == []


@pytest.mark.parametrize("count", [0, 1, 3])
def test_fewer_than_four_keypoints_score_nothing(reranker, count):
    few = points_only(np.arange(2 * count).reshape(-1, 2) ** 2)
    many = points_only(np.random.default_rng(0).uniform(0, 400, (50, 2)))
    for query, candidate in ((few, many), (many, few), (few, few)):
        (result,) = reranker.compare(query, [candidate])
        assert (result.score, result.inliers) == (0.0, 0)
        assert math.isnan(result.zoom)


GRID = [[10.0 * (i % 5), 10.0 * (i // 5)] for i in range(20)]
LINE = [[10.0 * i, 5.0 * i] for i in range(20)]
ONE_POINT = [[5.0, 5.0]] * 20


@pytest.mark.parametrize(("query", "candidate"), [
    (ONE_POINT, ONE_POINT), (ONE_POINT, GRID), (GRID, ONE_POINT), (LINE, LINE), (LINE, GRID),
])  # fmt: skip
def test_points_that_fix_no_homography_score_nothing(reranker, query, candidate):
    (result,) = reranker.compare(points_only(query), [points_only(candidate)])
    assert result.inliers == 0


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 4), max_size=25))
def test_any_matches_give_none_or_at_least_four_inliers_and_then_a_zoom(reranker, rows):
    query = points_only([row[:2] for row in rows])
    candidate = points_only([row[2:] for row in rows])
    (result,) = reranker.compare(query, [candidate])
    assert result.inliers == 0 or 4 <= result.inliers <= len(rows)
    assert math.isnan(result.zoom) == (result.inliers == 0)


def test_the_threshold_is_a_fraction_of_the_image(reranker):
    random = np.random.default_rng(0)
    points = random.uniform(0, 600, (60, 2))
    noisy = points + random.normal(0, 1.0, (60, 2))
    for scale in (1, 4):
        size = (640 * scale, 480 * scale)
        query, candidate = points_only(points * scale, size), points_only(noisy * scale, size)
        assert reranker.compare(query, [candidate])[0].inliers > 50


def test_mutual_nearest_keeps_pairs_that_choose_each_other():
    similarity = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0]], np.float32)
    rows, columns = mutual_nearest(similarity)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (2, 0)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_mutual_nearest_of_nothing_is_nothing(shape):
    rows, columns = mutual_nearest(np.zeros(shape, np.float32))
    assert len(rows) == len(columns) == 0


def test_candidates_without_keypoints_do_not_shift_their_neighbors(reranker, describe, scene):
    query, empty = describe(scene(1)), points_only([])
    results = reranker.compare(query, [empty, query, empty, empty, describe(scene(2)), empty])
    assert [result.inliers > 100 for result in results] == [False, True, False, False, False, False]
    assert [result.inliers for result in results][::5] == [0, 0]


def test_images_without_local_features_agree_in_nothing(reranker):
    whole, points = Features(np.ones(1, np.float32)), points_only([[1, 1], [2, 9], [8, 3], [5, 5]])
    assert [each.inliers for each in reranker.compare(whole, [whole, points])] == [0, 0]
    assert [each.inliers for each in reranker.compare(points, [whole, points])] == [0, 4]


@pytest.mark.parametrize("factor", [1.0, 1.2])
def test_the_rows_are_those_of_the_inliers_that_the_score_counts(reranker, describe, scene, factor):
    query, candidate = describe(zoomed(scene(1), factor)), describe(scene(1))
    (result,) = reranker.compare(query, [candidate])
    assert len(result.query_rows) == len(result.candidate_rows) == result.inliers == result.score
    assert result.query_rows.dtype == result.candidate_rows.dtype == np.int32
    points = query.local.keypoints[result.query_rows]
    others = candidate.local.keypoints[result.candidate_rows]
    center = np.array([160.0, 120.0])
    distances = np.linalg.norm((points - center) - factor * (others - center), axis=1)
    assert np.percentile(distances, 90) < 3.0


def test_nothing_matches_where_there_is_too_little(reranker):
    (result,) = reranker.compare(points_only([[1, 1], [2, 2]]), [points_only([[1, 1], [2, 2]])])
    assert (result.score, result.inliers) == (0.0, 0)
    assert result.query_rows.shape == result.candidate_rows.shape == (0,)


def test_without_the_library_that_limits_threads_the_scores_are_the_same(
    reranker, describe, scene, monkeypatch
):
    query, candidate = describe(slanted(scene(1))), describe(scene(1))
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    without = HomographyReranker(HomographyConfig())
    assert without.compare(query, [candidate]) == reranker.compare(query, [candidate])
