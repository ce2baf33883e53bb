# SPDX-License-Identifier: Apache-2.0
"""Which keyframes of a drive may be a loop's end, and what makes a closure of an answer."""

import pytest

from vpr_ros.config import LoopConfig
from vpr_ros.datatypes import (
    Candidate,
    Comparison,
    KeyframeKey,
    KeyframeRecord,
    LoopClosure,
    Pose,
    Recognition,
    Verdict,
)
from vpr_ros.route.loop_closer import LoopCloser, loop_closure

S = 10**9
RULES = LoopConfig(min_seconds=10.0, min_distance=20.0)


def at(x, frame="odom"):
    return Pose((float(x), 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), frame)


def driven(poses, step_s=1.0, rules=RULES):
    """A drive with one keyframe a step, ids from 1."""
    closer = LoopCloser(rules)
    for number, pose in enumerate(poses):
        closer.add(number + 1, round(number * step_s * S), pose)
    return closer


def test_time_and_way_must_both_be_long_enough():
    closer = driven([at(4 * number) for number in range(20)])
    # 10 s are ten keyframes, 20 m are five: time is what counts here.
    assert closer.recent(20 * S, at(80)) == list(range(12, 21))
    slow = driven([at(number) for number in range(40)])
    assert slow.recent(40 * S, at(40)) == list(range(22, 41))


def test_a_robot_that_stands_still_closes_no_loop():
    closer = driven([at(0.0)] * 100)
    assert closer.recent(1000 * S, at(0.0)) == list(range(1, 101))


def test_the_way_is_measured_along_the_route():
    """There and back again: the beginning is 60 m away along the route, and under the wheels."""
    closer = driven([at(min(x, 60 - x)) for x in range(0, 61, 5)], step_s=5.0)
    assert closer.recent(60 * S, at(0.0)) == [10, 11, 12, 13]


@pytest.mark.parametrize("pose", [None, at(0, "map")])
@pytest.mark.parametrize("poses", [[None] * 20, [at(0, f"odom{number}") for number in range(20)]])
def test_without_comparable_poses_time_alone_decides(poses, pose):
    assert driven(poses).recent(20 * S, pose) == list(range(12, 21))


def test_a_bag_that_starts_over_is_another_drive():
    closer = driven([at(number) for number in range(20)])
    closer.add(21, 0, at(0))
    assert closer.recent(1 * S, at(1)) == [21]


def test_an_image_that_another_camera_overtook_is_of_the_same_drive():
    closer = driven([at(number) for number in range(20)])
    closer.add(21, 19 * S - S // 2, at(19))
    assert closer.recent(20 * S, at(20)) == list(range(2, 22))


def recognition(verdict):
    record = KeyframeRecord(KeyframeKey("map", 3), "monday", 5 * S, None)
    candidates = (Candidate(record, 0.9, Comparison(50.0, 50)),)
    return Recognition(70 * S, verdict, "because", 0.97, candidates, {})


def test_an_accepted_answer_closes_a_loop():
    answer = recognition(Verdict.ACCEPTED)
    assert loop_closure(9, answer) == LoopClosure(9, 70 * S, answer.candidates[0], 0.97)


@pytest.mark.parametrize("verdict", [Verdict.AMBIGUOUS, Verdict.UNKNOWN])
def test_other_answers_do_not(verdict):
    assert loop_closure(9, recognition(verdict)) is None
