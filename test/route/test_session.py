# SPDX-License-Identifier: Apache-2.0
"""One step, whoever takes it: answers, keyframes and loop closures of a drive."""

import math
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from vpr_ros import pipeline
from vpr_ros.config import LOCALIZE, MAP, SLAM, PipelineConfig, with_settings
from vpr_ros.datatypes import Camera, Cause, Frame, Pose, Verdict
from vpr_ros.errors import ImageError, MapError

S = 10**9
PLACES = 4
SETTINGS = {
    "method": "hog_sift",
    "loops.min_seconds": 3.0,
    "loops.min_distance": 10.0,
    "decision.place_radius": 2.0,
}


@pytest.fixture(scope="module")
def line():
    return pipeline.build(with_settings(PipelineConfig(), SETTINGS))


@pytest.fixture
def laps(scene):
    """Two laps of four places that are 10 m apart, a frame a second."""
    return [
        Frame(second * S, scene(second % PLACES), at(10.0 * (second % PLACES)))
        for second in range(2 * PLACES)
    ]


@pytest.fixture
def town(line, scene, tmp_path):
    """A map of the four places."""
    path = tmp_path / "town.vprmap"
    with closing(line.open_session(path, MAP, name="monday")) as session:
        for number in range(PLACES):
            session.step(Frame(number * S, scene(number), at(10.0 * number)))
        session.finish(10.0)
    return path


def at(x, yaw=0.0):
    return Pose((x, 0.0, 0.0), (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)), "odom")


def pairs_of(outcomes):
    closures = [outcome.closure for outcome in outcomes if outcome.closure is not None]
    return [(closure.match.keyframe.key.id, closure.key.id) for closure in closures]


def test_to_localize_every_frame_is_answered_and_none_is_kept(line, town, scene):
    with closing(line.open_session(town)) as session:
        outcomes = [session.step(Frame(n * S, scene(n), at(0.0))) for n in (2, 99)]
        assert not session.learns
    assert [outcome.recognition.verdict for outcome in outcomes] == [
        Verdict.ACCEPTED,
        Verdict.UNKNOWN,
    ]
    assert all(outcome.kept is None and outcome.closure is None for outcome in outcomes)
    stages = ["extract", "retrieve", "load", "rerank", "decide"]
    assert list(outcomes[0].timings_s) == list(outcomes[0].recognition.timings_s) == stages


def test_a_drive_that_learns_closes_loops_and_answers_nothing(line, laps, tmp_path):
    with closing(line.open_session(tmp_path / "laps.vprmap", MAP)) as session:
        outcomes = [session.step(frame) for frame in laps]
    assert [outcome.recognition for outcome in outcomes] == [None] * len(laps)
    assert [outcome.kept.key.id for outcome in outcomes] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert pairs_of(outcomes) == [(1, 5), (2, 6), (3, 7), (4, 8)]


def test_slam_answers_keeps_and_closes_from_one_map(line, laps, tmp_path):
    with closing(line.open_session(tmp_path / "laps.vprmap", SLAM)) as session:
        outcomes = [session.step(frame) for frame in laps]
    verdicts = [outcome.recognition.verdict for outcome in outcomes]
    assert verdicts == [Verdict.UNKNOWN] * PLACES + [Verdict.ACCEPTED] * PLACES
    assert pairs_of(outcomes) == [(1, 5), (2, 6), (3, 7), (4, 8)]
    assert list(outcomes[-1].timings_s)[-1] == "map"


def test_loops_are_closed_only_where_that_is_asked_for(line, laps, tmp_path):
    quiet = with_settings(line.config, {"loops.close": False})
    other = replace(line, config=quiet)
    for mode in (MAP, SLAM):
        with closing(other.open_session(tmp_path / f"{mode}.vprmap", mode)) as session:
            assert pairs_of([session.step(frame) for frame in laps]) == []


def test_a_closure_names_the_camera_that_saw_it(line, laps, tmp_path):
    camera = Camera(frame_id="camera_optical")
    with closing(line.open_session(tmp_path / "laps.vprmap", MAP)) as session:
        outcomes = [session.step(replace(frame, camera=camera)) for frame in laps]
    assert {o.closure.camera_frame for o in outcomes if o.closure} == {"camera_optical"}


def test_features_that_are_known_need_no_image(line, town, scene):
    features = line.extractor.extract(scene(1))
    with closing(line.open_session(town)) as session:
        outcome = session.step(Frame(S, None), features)
        with pytest.raises(ImageError, match="no image"):
            session.step(Frame(2 * S, None))
    assert outcome.recognition.candidates[0].keyframe.key.id == 2
    assert "extract" not in outcome.timings_s


def test_a_rear_camera_turns_the_robot_round(line, scene, tmp_path):
    """What the front camera saw, seen by the rear one: the robot faces the other way."""
    front = Camera(name="front", mount=at(0.5))
    rear = Camera(name="rear", mount=at(-0.5, math.pi))
    path = tmp_path / "street.vprmap"
    with closing(line.open_session(path, MAP)) as session:
        session.step(Frame(0, scene(3), at(10.0), front))
    with closing(line.open_session(path)) as session:
        seen = session.step(Frame(S, scene(3), camera=rear)).recognition.candidates[0].keyframe.pose
    assert seen.position == pytest.approx((10.0, 0.0, 0.0), abs=1e-6)
    assert abs(seen.orientation[2]) == pytest.approx(1.0, abs=1e-6)


def test_a_drive_is_followed_from_its_beginning_and_another_begins_anew(line, town, scene):
    for _ in range(2):
        with closing(line.open_session(town)) as session:
            for number in range(PLACES):
                session.step(Frame(number * S, scene(number)))
            session.answer_alone(Frame(9 * S, scene(9)))
            assert session.maps.conditions.today.looks == PLACES
            assert session.conditions() == {}  # four images are too few to tell


def test_an_image_answered_alone_leaves_the_sequence_as_it_was(line, town, scene):
    config = with_settings(line.config, {"sequence.mode": "filter"})
    filtered = replace(line, config=config)
    believed = []
    for disturb in (False, True):
        with closing(filtered.open_session(town)) as session:
            session.step(Frame(0, scene(0), at(0.0)))
            if disturb:
                alone = session.answer_alone(Frame(S, scene(3)))
                assert alone.candidates[0].keyframe.key.id == 4
            believed.append(session.step(Frame(S, scene(1), at(10.0))).recognition.believed)
    assert believed[0] == believed[1]


def test_other_decisions_are_taken_over_between_two_steps(line, town, scene):
    with closing(line.open_session(town)) as session:
        config = with_settings(line.config, {"decision.candidates": 2})
        line.reconfigured(config, session)
        assert len(session.step(Frame(0, scene(0))).recognition.candidates) == 2


def test_a_corrected_path_moves_this_drive_alone(line, town, scene):
    with closing(line.open_session(town, MAP)) as session:
        for second in (20, 21):
            session.step(Frame(second * S, scene(second), at(float(second))))
        path = [(second * S, at(100.0 + second)) for second in (0, 20, 21)]
        assert session.correct(path, 30.0) == 2
        session.save()
    with line.open_map(town) as place_map:
        positions = [record.pose.position[0] for record in place_map.table.records(range(6))]
    assert positions == [0.0, 10.0, 20.0, 30.0, 120.0, 121.0]


def test_several_maps_are_one_and_a_map_named_twice_counts_once(line, town, scene, tmp_path):
    other = tmp_path / "other.vprmap"
    with closing(line.open_session(other, MAP)) as session:
        session.step(Frame(0, scene(50)))
    with closing(line.open_session(town, LOCALIZE, more_maps=[other, town])) as session:
        assert len(session.maps.searched) == PLACES + 1
        key = session.step(Frame(0, scene(50))).recognition.candidates[0].keyframe.key
        assert session.maps.searched.path_of(key) == other


def test_a_session_that_cannot_begin_leaves_no_map_locked(line, town, tmp_path):
    with pytest.raises(MapError, match=r"missing\.vprmap"):
        line.open_session(town, SLAM, more_maps=[tmp_path / "missing.vprmap"])
    line.open_session(town, SLAM).close()


class Spy:
    """A recognizer that remembers what it was told of the robot's motion."""

    def __init__(self, recognizer):
        self._recognizer, self.odometry = recognizer, []

    def answer(self, query, exclude=()):
        self.odometry.append(query.odometry)
        return self._recognizer.answer(query, exclude)


@pytest.mark.parametrize("mode", [MAP, SLAM])
@pytest.mark.parametrize("has_odometry", [True, False])
def test_only_odometry_is_taken_for_motion_and_keyframes_take_any_pose(
    line, scene, tmp_path, mode, has_odometry
):
    path = tmp_path / "m.vprmap"
    with closing(line.open_session(path, mode, has_odometry=has_odometry)) as session:
        session.recognizer = spy = Spy(session.recognizer)
        outcome = session.step(Frame(0, scene(1), at(1.0)))
    assert [pose is not None for pose in spy.odometry] == [has_odometry]
    assert outcome.kept.keyframe.pose == at(1.0)


def blank(second, x=None):
    pose = None if x is None else at(x)
    return Frame(second * S, np.full((240, 320, 3), 3, np.uint8), pose)


def test_what_shows_nothing_is_no_keyframe(line, laps, tmp_path):
    with closing(line.open_session(tmp_path / "dark.vprmap", MAP)) as session:
        first = session.step(blank(0, 0.0))
        assert (first.kept, first.recognition) == (None, None)
        assert first.nothing_shown == "the image shows nothing: it is black"
        assert session.step(laps[1]).kept is not None
        assert session.step(blank(2, 30.0)).kept is None
        assert len(session.maps.place_map) == 1


@pytest.mark.parametrize("mode", [LOCALIZE, SLAM])
def test_what_shows_nothing_is_nowhere(line, town, scene, mode):
    with closing(line.open_session(town, mode)) as session:
        outcome = session.step(blank(50))
        for answer in (outcome.recognition, session.answer_alone(blank(51))):
            assert (answer.verdict, answer.cause) == (Verdict.UNKNOWN, Cause.NOTHING_SHOWN)
            assert answer.reason == "the image shows nothing: it is black"
            assert (answer.probability, answer.candidates) == (0.0, ())
        assert session.step(Frame(52 * S, scene(1))).recognition.candidates


def test_a_frozen_camera_makes_no_keyframes(line, scene, tmp_path):
    with closing(line.open_session(tmp_path / "frozen.vprmap", MAP)) as session:
        outcomes = [session.step(Frame(n * S, scene(1), at(2.0 * n))) for n in range(5)]
        assert [outcome.kept is not None for outcome in outcomes] == [True] + 4 * [False]
        assert "the camera is frozen" in outcomes[4].nothing_shown


def test_the_robot_s_own_body_counts_for_nothing(line, scene, tmp_path):
    """Of two streets, seen over the same bonnet, nothing but the bonnet is alike."""
    body = scene(77)[120:]

    def seen(number):
        image = scene(number).copy()
        image[120:] = body
        return image

    path = tmp_path / "street.vprmap"
    with closing(line.open_session(path, MAP)) as session:
        for number in range(12):
            session.step(Frame(number * 20 * S, seen(number), at(50.0 * number)))
        session.finish()
        (features,) = session.maps.place_map.features_of([session.maps.place_map.table.key(3)])
        assert features.local.keypoints[:, 1].max() < 136  # a cell is 16 pixels high
    with closing(line.open_session(path)) as session:
        answers = [session.step(Frame(n * S, seen(n))).recognition for n in (3, 100, 101, 102)]
    assert answers[0].candidates[0].comparison.inliers > 20
    assert max(answer.candidates[0].comparison.inliers for answer in answers[1:]) < 15
