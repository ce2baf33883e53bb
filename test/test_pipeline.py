# SPDX-License-Identifier: Apache-2.0
"""The configuration's words become the right objects."""

import cv2
import numpy as np
import pytest

from vpr_ros import pipeline
from vpr_ros.config import (
    DecisionConfig,
    KeyframeConfig,
    MapperConfig,
    PipelineConfig,
    SiftConfig,
)
from vpr_ros.datatypes import Frame, Pose, Query, Verdict
from vpr_ros.errors import MapError

S = 10**9


def learn(line, path, images, session=""):
    with line.continue_map(path) as place_map:
        builder = line.map_builder(place_map, session)
        for number, image in enumerate(images):
            builder.offer(Frame(number * S, image))
        builder.finish()


def test_what_was_learned_is_recognized_by_another_run(scene, tmp_path):
    path = tmp_path / "route.vprmap"
    learn(pipeline.build(PipelineConfig(method="hog_sift")), path, [scene(n) for n in range(4)])
    later = pipeline.build(PipelineConfig(method="hog_sift"))
    with later.open_map(path) as place_map:
        answer = later.recognizer(place_map).answer(Query(later.extractor.extract(scene(2)), 0))
    assert answer.verdict is Verdict.ACCEPTED
    assert answer.candidates[0].keyframe.stamp_ns == 2 * S


def test_each_drive_is_a_session_of_its_own(scene, tmp_path):
    line, path = pipeline.build(PipelineConfig(method="hog_sift")), tmp_path / "route.vprmap"
    for session in ("", "evening", "evening", ""):
        learn(line, path, [scene(1)], session)
    with line.open_map(path) as place_map:
        sessions = [record.session for record in place_map.table.records()]
    assert len(set(sessions)) == 4
    assert sessions[1] == "evening"


def test_a_map_of_another_model_is_refused_by_name(scene, tmp_path):
    path = tmp_path / "route.vprmap"
    learn(pipeline.build(PipelineConfig(method="hog_sift")), path, [scene(1)])
    other = pipeline.build(PipelineConfig(sift=SiftConfig(max_side=320)))
    for use in (other.open_map, other.continue_map):
        with pytest.raises(MapError, match=r"route\.vprmap.*hog_sift"):
            use(path)


def test_settings_that_leave_the_descriptors_alone_leave_the_map_usable(scene, tmp_path):
    path = tmp_path / "route.vprmap"
    learn(pipeline.build(PipelineConfig(method="hog_sift")), path, [scene(1)])
    other = PipelineConfig(
        method="hog_sift",
        decision=DecisionConfig(candidates=1),
        keyframes=KeyframeConfig(distance=9.0),
    )
    with pipeline.build(other).open_map(path) as place_map:
        assert len(place_map) == 1


def test_a_map_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(MapError, match=r"nowhere\.vprmap"):
        pipeline.build(PipelineConfig(method="hog_sift")).open_map(tmp_path / "nowhere.vprmap")


@pytest.mark.parametrize("codec", ["float16", "float32"])
def test_a_new_map_keeps_its_features_in_the_codec_of_the_configuration(tmp_path, codec):
    line = pipeline.build(PipelineConfig(codec=codec))
    with line.continue_map(tmp_path / "route.vprmap") as place_map:
        assert place_map.info().codec == codec


def test_a_nodes_configuration_is_one_of_the_pipeline(scene):
    line = pipeline.build(MapperConfig(method="hog_sift", sift=SiftConfig(max_keypoints=20)))
    assert len(line.extractor.extract(scene(1)).local) == 20
    assert "OpenCV" in line.extractor.description


def test_the_map_tells_what_scores_are_worth(tmp_path):
    """With the real extractor and reranker, from the images to the needed score."""
    line = pipeline.build(PipelineConfig(method="hog_sift"))
    random = np.random.default_rng(0)
    wall = cv2.resize(random.integers(0, 255, (30, 600, 3), np.uint8), (4800, 240))
    path = tmp_path / "wall.vprmap"
    with line.continue_map(path) as place_map:
        builder = line.map_builder(place_map, "wall")
        for number in range(30):
            image = np.ascontiguousarray(wall[:, 150 * number : 150 * number + 320])
            pose = Pose((5.0 * number, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom")
            builder.offer(Frame(number * 10**9, image, pose))
        builder.finish()
        record = place_map.calibration()
    assert record.calibration.of_map
    assert len(record.beyond) == len(record.right) == 30
    with line.open_map(path) as place_map:
        assert line.calibrator.of(place_map) == record
        image = np.ascontiguousarray(wall[:, 1500:1820])
        answer = line.recognizer(place_map).answer(Query(line.extractor.extract(image), 0))
    assert answer.verdict is Verdict.ACCEPTED
    assert answer.probability == record.calibration.probability(
        answer.candidates[0].comparison.score
    )
