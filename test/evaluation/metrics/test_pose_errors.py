# SPDX-License-Identifier: Apache-2.0
"""Measured poses held against the truth: drift of the map, covariances, answers without one."""

import math

import numpy as np
import pytest

from vpr_ros.datatypes import (
    Candidate,
    KeyframeKey,
    KeyframeRecord,
    Pose,
    PoseEstimate,
    Recognition,
    Verdict,
)
from vpr_ros.evaluation.metrics.pose_errors import pose_errors
from vpr_ros.geometry.transforms import RigidTransform, quaternion

KEY = KeyframeKey("m", 1)
SIGMA = 0.1


def turned(x, y, radians, frame="map"):
    return Pose((x, y, 0.0), (0.0, 0.0, math.sin(radians / 2), math.cos(radians / 2)), frame)


def answer(pose, verdict=Verdict.ACCEPTED, reason=""):
    record = KeyframeRecord(KEY, "s", 0, turned(5.0, 0.0, 0.0))
    estimate = None
    if pose is not None:
        estimate = PoseEstimate(pose, np.eye(6, dtype=np.float32) * SIGMA**2, 20, (KEY,))
    answer = Recognition(7, verdict, "", 0.9, (Candidate(record, 0.9),), {})
    return Recognition(**{**vars(answer), "pose": estimate, "pose_reason": reason})


def judged(answers, map_pose, world_match, world_query):
    return pose_errors(
        answers, lambda key: map_pose, lambda ns: world_match, lambda ns: world_query
    )


def test_a_map_that_drifted_is_no_error_of_the_pose():
    """The map stands elsewhere, turned by a right angle: what counts is the way from the match."""
    world = turned(3.0, 4.0, 0.2), turned(5.0, 4.5, 0.5)
    map_T_match = RigidTransform.of_pose(turned(-20.0, 7.0, 0.2 + math.pi / 2))
    match, query = map(RigidTransform.of_pose, world)
    true_pose = (map_T_match @ match.inverse() @ query).as_pose("map")
    found = judged([answer(true_pose)], map_T_match.as_pose("map"), *world)
    assert found.errors.distances == pytest.approx([0.0], abs=1e-9)
    assert found.errors.angles == pytest.approx([0.0], abs=1e-9)
    assert found.normalized == pytest.approx([0.0], abs=1e-9)
    assert found.placed[0].position == pytest.approx(world[1].position)


def test_meters_radians_and_the_normalized_error():
    here = turned(0.0, 0.0, 0.0)
    poses = [turned(0.3, 0.4, 0.0), turned(0.0, 0.0, 0.1), turned(0.0, 0.0, -0.1)]
    found = judged([answer(pose) for pose in poses], here, here, here)
    assert found.errors.distances == pytest.approx([0.5, 0.0, 0.0], abs=1e-9)
    assert found.errors.angles == pytest.approx([0.0, 0.1, 0.1], abs=1e-9)
    assert found.normalized == pytest.approx([25.0, 1.0, 1.0], rel=1e-5)
    assert found.buckets == pytest.approx([0.0, 1 / 3, 1.0])
    assert found.consistent == pytest.approx(2 / 3)


@pytest.mark.parametrize("radians", [0.0, 1e-9, 1e-4, 1.0, 3.0, math.pi])
def test_angles_of_any_size(radians):
    here, axis = turned(0.0, 0.0, 0.0), np.array([1.0, 2.0, 2.0]) / 3.0
    x, y, z = np.sin(radians / 2) * axis
    pose = Pose((0.0, 0.0, 0.0), (x, y, z, math.cos(radians / 2)), "map")
    found = judged([answer(pose)], here, here, here)
    assert found.errors.angles == pytest.approx([radians], abs=1e-9)


def test_errors_drawn_from_their_covariance_are_consistent():
    random, here, answers = np.random.default_rng(0), turned(0.0, 0.0, 0.0), []
    for x, y, z, *turn in random.normal(0.0, SIGMA, (2000, 6)):
        angle = np.linalg.norm(turn)
        a = np.array([[0, -turn[2], turn[1]], [turn[2], 0, -turn[0]], [-turn[1], turn[0], 0]])
        k = a / angle
        rotation = np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k
        answers.append(answer(Pose((x, y, z), quaternion(rotation), "map")))
    found = judged(answers, here, here, here)
    assert np.mean(found.normalized) == pytest.approx(6.0, rel=0.05)
    assert found.consistent == pytest.approx(0.99, abs=0.006)


def test_answers_without_a_pose_are_counted_with_their_reasons():
    here = turned(0.0, 0.0, 0.0)
    answers = [None, answer(here), *[answer(None, reason="too few")] * 2]
    answers += [answer(None, reason="no lens"), answer(None, Verdict.UNKNOWN, "not sure")]
    found = judged(answers, here, here, here)
    assert (found.accepted, found.measured) == (4, 1)
    assert list(found.reasons.items()) == [("too few", 2), ("no lens", 1)]


@pytest.mark.parametrize("unknown", range(3))
def test_poses_without_truth_are_not_judged(unknown):
    poses = [turned(0.0, 0.0, 0.0)] * 3
    poses[unknown] = None
    found = judged([answer(turned(0.0, 0.0, 0.0))], *poses)
    assert (found.measured, len(found.normalized)) == (1, 0)
    assert math.isnan(found.consistent)
    numbers = found.to_json()
    assert numbers["judged"] == 0
    assert numbers["meters"]["50"] is None
