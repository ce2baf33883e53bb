# SPDX-License-Identifier: Apache-2.0
"""Poses through the one step that robots take: in answers, and in loop closures."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from robots import base_pose
from worlds import PLAIN, World, at

from vpr_ros import pipeline
from vpr_ros.config import MAP, SLAM, PipelineConfig, with_settings
from vpr_ros.datatypes import Frame, Verdict
from vpr_ros.extractors.points import PointsOfFrames
from vpr_ros.geometry.residuals import difference
from vpr_ros.geometry.transforms import RigidTransform

S = 10**9
PLACES = 6
SETTINGS = {
    "method": "hog_sift",
    "loops.min_seconds": 3.0,
    "loops.min_distance": 3.0,
    "decision.place_radius": 0.4,
}
CAMERA = replace(PLAIN, frame_id="camera_optical")


class Street:
    """Every image is taken somewhere in one exact world."""

    name = "exact"

    def __init__(self, scene):
        self.world, self.scene, self.poses = World(), scene, {}

    def frame(self, place, second, world_T_camera, told=None):
        image = np.kron(self.scene(place), np.ones((2, 2, 1), np.uint8))  # of the camera's size
        image[0, 0] = second  # what tells two images of one place apart
        self.poses[image.tobytes()] = world_T_camera
        odometry = base_pose(told or world_T_camera, CAMERA)
        return Frame(second * S, image, odometry, CAMERA)

    def detect(self, image):
        return self.world.seen(
            self.poses[image.tobytes()], CAMERA, noise=0.3, seed=int(image[0, 0, 0])
        )


@pytest.fixture
def street(scene):
    return Street(scene)


@pytest.fixture
def line(street):
    built = pipeline.build(with_settings(PipelineConfig(), SETTINGS))
    return replace(built, points=PointsOfFrames(street))


def off(pose, true):
    measured = RigidTransform.of_pose(pose)
    return np.linalg.norm(difference(measured, true)[:3])


def test_an_accepted_image_gets_its_pose(line, street, tmp_path):
    path = tmp_path / "m.vprmap"
    with closing(line.open_session(path, MAP)) as session:
        for n in range(PLACES):
            session.step(street.frame(n, n, at(z=1.0 * n)))
        session.finish()
    there = at(1.0, 0.0, 3.3)
    with closing(line.open_session(path)) as session:
        answers = [
            session.step(street.frame(3, 50, there)).recognition,
            session.answer_alone(street.frame(3, 51, there)),
        ]
        unknown = session.step(street.frame(77, 52, there)).recognition
    for answer in answers:
        assert answer.verdict is Verdict.ACCEPTED
        assert answer.pose_reason == ""
        assert off(answer.pose.map_T_base, RigidTransform.of_pose(base_pose(there, CAMERA))) < 0.06
        assert list(answer.timings_s)[-1] == "pose"
    assert (unknown.pose, unknown.pose_reason) == (None, "no pose: the place is not sure")
    assert "pose" not in unknown.timings_s


@pytest.mark.parametrize("mode", [MAP, SLAM])
def test_a_loop_closure_carries_the_measured_motion(line, street, tmp_path, mode):
    first = [at(z=1.0 * n) for n in range(PLACES)]
    second = [at(0.5, 0.0, 1.0 * n + 0.2) for n in range(PLACES)]
    drifted = [at(2.0, 0.0, 1.0 * n + 0.7) for n in range(PLACES)]
    with closing(line.open_session(tmp_path / "m.vprmap", mode)) as session:
        for n, pose in enumerate(first):
            session.step(street.frame(n, n, pose))
        outcomes = [
            session.step(street.frame(n, 20 + n, pose, told))
            for n, (pose, told) in enumerate(zip(second, drifted, strict=True))
        ]
    closures = [outcome.closure for outcome in outcomes if outcome.closure]
    assert len(closures) >= PLACES - 1
    for closure in closures:
        matched = closure.match.keyframe.key.id - 1
        later = closure.key.id - 1 - PLACES
        true = first[matched].inverse() @ second[later]
        assert off(closure.transform.match_T_query, true) < 0.06
        assert closure.transform.match_T_query.frame_id == "camera_optical"
        assert closure.transform.covariance.shape == (6, 6)


@pytest.mark.parametrize("mode", [MAP, SLAM])
def test_a_loop_that_odometry_speaks_against_is_told_and_not_closed(
    line, street, tmp_path, mode, caplog
):
    """Another street looks the same, and even agrees in three dimensions."""
    with closing(line.open_session(tmp_path / "m.vprmap", mode)) as session:
        for n in range(PLACES):
            session.step(street.frame(n, n, at(z=1.0 * n)))
        outcomes = [
            session.step(street.frame(n, 20 + n, at(0.5, 0.0, 1.0 * n), at(40.0, 0.0, 1.0 * n)))
            for n in range(PLACES)
        ]
    assert sum(bool(outcome.not_closed) for outcome in outcomes) >= PLACES - 1
    assert all(outcome.closure is None for outcome in outcomes if outcome.not_closed)
    assert "closes no loop with keyframe" in caplog.text
    assert "from where odometry is after" in caplog.text


def test_without_points_a_match_is_a_place(line, street, tmp_path):
    bare = pipeline.build(with_settings(PipelineConfig(), {**SETTINGS, "points": "none"}))
    assert bare.points is None
    path = tmp_path / "m.vprmap"
    with closing(bare.open_session(path, MAP)) as session:
        for n in range(PLACES):
            session.step(street.frame(n, n, at(z=1.0 * n)))
    with closing(bare.open_session(path)) as session:
        answer = session.step(street.frame(3, 50, at(z=3.3))).recognition
    assert (answer.verdict, answer.pose) == (Verdict.ACCEPTED, None)
    assert answer.pose_reason == "no pose: points = none"
    with closing(line.open_session(path)) as session:
        answer = session.step(street.frame(3, 51, at(z=3.3))).recognition
    assert "map again with points = sift" in answer.pose_reason
