# SPDX-License-Identifier: Apache-2.0
"""The station as the recognizer uses it."""

import numpy as np
import pytest
from simulated import INLIERS, UPRIGHT, S, key, seen, straight, view

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.datatypes import Cause, Features, Judgment, Pose, Query, Verdict
from vpr_ros.sequence import SequenceTracker, open_tracker

MAP = straight(100)


def tracker(mode):
    settings = {"sequence.mode": mode, "decision.target_precision": 0.9}
    config = with_settings(PipelineConfig(), settings)
    return open_tracker(MAP, config, INLIERS)


def test_off_is_off_and_the_default():
    assert tracker("off") is None
    assert open_tracker(MAP, PipelineConfig(), INLIERS) is None


@pytest.mark.parametrize("mode", ["filter", "seqslam"])
def test_modes_have_their_filters(mode):
    assert isinstance(tracker(mode), SequenceTracker)


def sight(count, descriptor):
    """The image of a second, with odometry that goes on by a meter each."""
    pose = Pose((float(count), 0.0, 0.0), UPRIGHT, "odom")
    return Query(Features(descriptor, None), count * S, pose)


def refused():
    """What an image says by itself."""
    return Judgment(Verdict.UNKNOWN, "nothing", 0.0)


def sure():
    """An image that is accepted by itself."""
    return Judgment(Verdict.ACCEPTED, "stands out", 0.999)


@pytest.mark.parametrize("mode", ["filter", "seqslam"])
def test_images_with_odometry_become_verdicts(mode):
    made = tracker(mode)
    for count in range(16):
        here = 30 + count
        MAP.likeness = np.full(100, 0.8, np.float32)
        MAP.likeness[here - 1] = 0.95
        query = sight(count, view(float(count)))
        alone = sure if count == 14 else refused
        judgment, candidates, believed = made.conclude(query, seen(MAP, (here, 100)), alone)
        if count == 8:
            made.reload()
    assert abs(candidates[0].keyframe.key.id - here) <= 1
    assert judgment.verdict is Verdict.ACCEPTED
    assert f"keyframe {here}" in judgment.reason
    assert believed[0][0] == key(here)
    assert judgment.probability >= believed[0][1] > 0.3


def follow(made, numbers, alone=refused, ahead=0):
    """The verdicts on images of a drive past these keyframes, or those so much ahead."""
    return [
        made.conclude(sight(n, view(float(n))), seen(MAP, (n + ahead, 100)), alone).judgment
        for n in numbers
    ]


def test_images_that_agree_prove_no_more_than_the_best_of_them():
    made = tracker("filter")
    verdict, reason, probability, cause = follow(made, range(30, 42))[-1]
    assert probability > 0.99
    assert (verdict, cause) == (Verdict.UNKNOWN, Cause.UNANCHORED)
    assert reason.endswith("but none was sure by itself")
    assert follow(made, [42], sure)[-1].verdict is Verdict.ACCEPTED
    assert {each.verdict for each in follow(made, range(43, 50))} == {Verdict.ACCEPTED}


def test_what_was_sure_of_another_place_says_nothing_of_this_one():
    made = tracker("filter")
    follow(made, range(10, 20), sure)
    there = follow(made, range(20, 45), ahead=50)
    assert there[-1].probability > 0.99
    assert Verdict.ACCEPTED not in {each.verdict for each in there[10:]}


def test_an_image_that_contradicts_makes_the_place_ambiguous():
    made = tracker("filter")
    for count in range(8):
        made.conclude(sight(count, view(float(count))), seen(MAP, (30 + count, 100)), sure)
    verdict, reason, probability, cause = made.conclude(
        sight(8, view(8.0)), seen(MAP, (80, 100)), refused
    ).judgment
    assert probability > 0.9
    assert verdict is Verdict.AMBIGUOUS
    assert "agrees with keyframe 80" in reason
    assert cause is Cause.CONTRARY


def test_what_is_believed_in_leads_though_it_was_not_found():
    made = tracker("filter")
    for count in range(8):
        made.conclude(sight(count, view(float(count))), seen(MAP, (30 + count, 100)), refused)
    candidates = made.conclude(sight(8, view(8.0)), seen(MAP, (80, 3)), refused).candidates
    assert [each.keyframe.key.id for each in candidates] == [38, 80]
    assert candidates[0].comparison is None
