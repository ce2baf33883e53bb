# SPDX-License-Identifier: Apache-2.0
"""From an answer to the message with its picture."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="pictures are ROS messages")

from node_harness import START_NS, pattern, raw_message

from vpr_ros import pipeline
from vpr_ros.config import PicturesConfig, PipelineConfig
from vpr_ros.datatypes import Frame, Pose, PoseEstimate, Query
from vpr_ros.images import decode_ros_image
from vpr_ros.nodes.display.answered import Answered
from vpr_ros.nodes.display.match_image import Gathered, match_image
from vpr_ros.pictures.match_picture import EMPTY, GAP, STRIP

IMAGE = pattern(1)


@pytest.fixture(scope="module")
def line():
    return pipeline.build(PipelineConfig(method="hog_sift"))


@pytest.fixture(scope="module")
def town(line, tmp_path_factory):
    path = tmp_path_factory.mktemp("maps") / "town.vprmap"
    with line.continue_map(path) as place_map:
        builder = line.map_builder(place_map)
        for number in range(3):
            builder.offer(Frame(number * 10**9, pattern(number)))
        builder.finish()
    with line.open_map(path) as place_map:
        yield place_map


@pytest.fixture(scope="module")
def seen(line, town):
    query = line.extractor.extract(IMAGE)
    answer = line.recognizer(town).answer(Query(query, START_NS))
    return Answered(raw_message(IMAGE, START_NS), IMAGE, query, answer)


@pytest.fixture
def gathered(line, town, seen):
    return Gathered(seen, line.recognizer(town), town)


def drawn(seen, gathered, **settings):
    message = match_image(seen, gathered, PicturesConfig(**settings))
    assert message.header == seen.message.header
    return decode_ros_image(message)


def test_the_picture_of_an_accepted_match(seen, gathered):
    picture = drawn(seen, gathered)
    assert picture.shape == (240 + STRIP, 640 + GAP, 3)
    keyframe = picture[:240, 320 + GAP :].astype(int)
    assert np.median(np.abs(keyframe - IMAGE)) < 12  # the thumbnail is a JPEG


def test_the_query_is_no_larger_than_asked_for(seen, gathered):
    assert drawn(seen, gathered, max_side=160).shape[0] == 120 + STRIP


def test_attention_changes_the_query_and_nothing_else(seen, gathered):
    plain, heated = (drawn(seen, gathered, attention=on) for on in (False, True))
    differs = (plain != heated).any(axis=2)
    assert differs[:240, :320].mean() > 0.05
    assert not differs[:, 320:].any()


def test_the_points_of_a_measured_pose_are_joined_where_there_are_any(line, town, seen):
    pose = PoseEstimate(Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom"), np.eye(6), 30, ())
    here, there = (np.full((1, 2), part, np.float32) for part in (0.25, 0.75))
    joined = replace(pose, query_points=here, match_points=there)
    points = [
        Gathered(
            replace(seen, recognition=replace(seen.recognition, pose=each)),
            line.recognizer(town),
            town,
        ).points
        for each in (None, pose, joined)
    ]
    assert len(points[0].query) > 20
    assert (points[0].query == points[1].query).all()  # a pose that rests on other keyframes
    assert (points[2].query == here).all()
    assert (points[2].candidate == there).all()


def test_a_thumbnail_that_is_damaged_or_missing_leaves_its_side_empty(seen, gathered):
    for thumbnail in (b"", b"\xff\xd8 no more"):
        gathered.thumbnail = thumbnail
        assert (drawn(seen, gathered)[:240, 320 + GAP :] == EMPTY).all()


def test_an_empty_map_has_a_picture_too(line, tmp_path):
    with line.continue_map(tmp_path / "empty.vprmap") as empty:
        recognizer, query = line.recognizer(empty), line.extractor.extract(IMAGE)
        answer = recognizer.answer(Query(query, START_NS))
        seen = Answered(raw_message(IMAGE, START_NS), IMAGE, query, answer)
        assert drawn(seen, Gathered(seen, recognizer, empty)).shape == (240 + STRIP, 640 + GAP, 3)
