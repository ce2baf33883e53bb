# SPDX-License-Identifier: Apache-2.0
"""What stands where in the picture of a match."""

from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.datatypes import (
    Candidate,
    Cause,
    Comparison,
    KeyframeKey,
    KeyframeRecord,
    Pose,
    PoseEstimate,
    Recognition,
    Verdict,
)
from vpr_ros.pictures.match_picture import (
    COLORS,
    EMPTY,
    GAP,
    GROUND,
    STRIP,
    Sight,
    draw,
)
from vpr_ros.rerankers.matches import Matches

BLUE, BROWN = (20, 40, 120), (120, 80, 30)


def flat(color, width=320, height=240):
    return np.full((height, width, 3), color, np.uint8)


def answer(verdict=Verdict.ACCEPTED, inliers=80, score=80.0, session="monday"):
    record = KeyframeRecord(KeyframeKey("map", 7), session, 0, None)
    candidate = Candidate(record, 0.9, Comparison(score, inliers))
    cause = Cause.NONE if verdict is Verdict.ACCEPTED else Cause.TOO_LITTLE
    return Recognition(0, verdict, "it fits in every way", 0.75, (candidate,), {}, cause)


def matches(*pairs):
    points = np.array(pairs, np.float32).reshape(-1, 4)
    return Matches(points[:, :2], points[:, 2:])


def sight(verdict=Verdict.ACCEPTED, points=None, match=None):
    match = flat(BROWN) if match is None else match
    return Sight(flat(BLUE), match, matches() if points is None else points, answer(verdict))


def near(pixel, color, tolerance=40):
    return bool(np.abs(pixel.astype(int) - color).max() <= tolerance)


def test_query_left_keyframe_right_text_below():
    picture = draw(sight(), 640)
    assert picture.shape == (240 + STRIP, 320 + GAP + 320, 3)
    assert picture.dtype == np.uint8
    assert (picture[:240, :320] == BLUE).all()
    assert (picture[:240, 320 : 320 + GAP] == GROUND).all()
    assert (picture[:240, 320 + GAP :] == BROWN).all()


@pytest.mark.parametrize("verdict", Verdict)
def test_a_bar_and_the_word_have_the_color_of_the_verdict(verdict):
    picture = draw(sight(verdict), 640)
    assert (picture[241] == COLORS[verdict]).all()
    word = picture[240 + 8 : 240 + 27, 10:60].reshape(-1, 3)
    assert any(near(pixel, COLORS[verdict]) for pixel in word)


@pytest.mark.parametrize("verdict", Verdict)
def test_matched_points_are_dots_joined_by_a_line(verdict):
    picture = draw(sight(verdict, matches((0.25, 0.5, 0.5, 0.5))), 640)
    left, right = (120, 80), (120, 320 + GAP + 160)
    for row, column in (left, right):
        assert near(picture[row, column], COLORS[verdict], 10)
    between = picture[120, 84:320]
    assert (np.abs(between.astype(int) - BLUE).sum(axis=1) > 30).all()
    assert (picture[100] == draw(sight(verdict), 640)[100]).all()


def test_of_many_matches_all_points_but_few_lines_are_drawn():
    rows = np.linspace(0.02, 0.98, 100)
    points = matches(*[(0.5, row, 0.5, row) for row in rows])
    picture = draw(sight(points=points), 640)
    lines = (picture[:240, 310] != BLUE).any(axis=1)
    assert 20 < np.count_nonzero(np.diff(lines.astype(int)) == 1) <= 30
    dots = [near(picture[round(row * 240), 160], COLORS[Verdict.ACCEPTED], 60) for row in rows]
    assert np.mean(dots) > 0.9


def test_the_keyframe_is_scaled_to_the_query_s_height_and_keeps_its_shape():
    picture = draw(sight(match=flat(BROWN, 160, 60)), 640)
    assert picture.shape[1] == 320 + GAP + 640
    assert (picture[239, 325:] == BROWN).all()


def test_a_large_query_is_shrunk_and_its_points_with_it():
    large = Sight(flat(BLUE, 1920, 1080), flat(BROWN), matches((0.5, 0.5, 0.5, 0.5)), answer())
    picture = draw(large, 640)
    assert picture.shape[0] == 360 + STRIP
    assert near(picture[180, 320], COLORS[Verdict.ACCEPTED], 10)


def test_without_a_keyframe_its_side_is_empty():
    nothing = Recognition(0, Verdict.UNKNOWN, "the map holds no keyframes", 0.0, (), {})
    picture = draw(Sight(flat(BLUE), None, None, nothing), 640)
    assert (picture[:240, 320 + GAP :] == EMPTY).all()


def test_points_of_a_keyframe_without_a_picture_are_not_drawn():
    points = matches((0.25, 0.5, 0.5, 0.5))
    picture = draw(Sight(flat(BLUE), None, points, answer()), 640)
    assert (picture[:240, :320] == BLUE).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (64, 48)])
def test_small_and_odd_images_are_drawn_all_the_same(size):
    for match in (flat(BROWN, *size), flat(BROWN, 4000, 2), flat(BROWN, 2, 500)):
        picture = draw(Sight(flat(BLUE, *size), match, matches((0, 0, 1, 1)), answer()), 640)
        assert picture.shape[0] == size[1] + STRIP


def test_words_stay_within_the_picture():
    long = answer(session="an afternoon in the " + 30 * "very ")
    picture = draw(Sight(flat(BLUE), flat(BROWN), matches(), long), 640)
    assert (picture[245:, -8:] == GROUND).all()


def test_the_query_given_stays_as_it_was():
    given = sight(points=matches((0.2, 0.2, 0.7, 0.7)))
    draw(given, 640)
    assert (given.query == BLUE).all()
    assert (given.match == BROWN).all()


@pytest.mark.parametrize(("inliers", "score"), [(80, 80.0), (-1, 0.93), (-1, float("nan"))])
def test_scores_of_every_kind_of_reranker_have_words(inliers, score):
    given = answer(inliers=inliers, score=score)
    assert draw(Sight(flat(BLUE), flat(BROWN), matches(), given), 640).any()


def test_a_pose_that_was_measured_is_said_in_place_of_the_inliers():
    where = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
    estimate = PoseEstimate(where, np.eye(6, dtype=np.float32), 87, ())
    plain, measured, other = (
        draw(Sight(flat(BLUE, 640, 480), flat(BROWN), None, replace(answer(), pose=pose)), 640)
        for pose in (None, estimate, replace(estimate, inliers=11))
    )
    assert (plain[:480] == measured[:480]).all()
    right = np.s_[485:510, 640 + GAP :]
    for one, two in ((plain, measured), (measured, other)):
        assert (one[right] != two[right]).any()
