# SPDX-License-Identifier: Apache-2.0
"""The station as the recognizer uses it."""

import numpy as np
import pytest
from simulated import INLIERS, UPRIGHT, S, seen, straight, view

from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.datatypes import Cause, Pose, Verdict
from vpr_ros.sequence import BayesFilter, Look, SeqSlam, SequenceTracker, open_tracker

MAP = straight(100)


def tracker(mode):
    settings = {"sequence.mode": mode, "decision.target_precision": 0.9}
    config = with_settings(PipelineConfig(), settings)
    return open_tracker(MAP, config, INLIERS)


def test_off_is_off_and_the_default():
    assert tracker("off") is None
    assert open_tracker(MAP, PipelineConfig(), INLIERS) is None


@pytest.mark.parametrize(("mode", "kind"), [("filter", BayesFilter), ("seqslam", SeqSlam)])
def test_modes_have_their_filters(mode, kind):
    made = tracker(mode)
    assert isinstance(made, SequenceTracker)
    assert made.needs_similarities is (kind is SeqSlam) is kind.needs_similarities


@pytest.mark.parametrize("mode", ["filter", "seqslam"])
def test_images_with_odometry_become_verdicts(mode):
    made = tracker(mode)
    for count in range(16):
        here = 30 + count
        similarities = np.full(100, 0.8, np.float32)
        similarities[here - 1] = 0.95
        pose = Pose((float(count), 0.0, 0.0), UPRIGHT, "odom")
        look = Look(seen(MAP, (here, 100)), view(float(count)), similarities)
        belief, (verdict, reason, probability, _) = made.decide(count * S, pose, look)
        if count == 8:
            made.reload()
    assert abs(belief.best - here) <= 1
    assert verdict is Verdict.ACCEPTED
    assert f"keyframe {belief.best}" in reason
    assert probability == belief.mass


def test_an_image_that_contradicts_makes_the_place_ambiguous():
    made = tracker("filter")
    for count in range(8):
        pose = Pose((float(count), 0.0, 0.0), UPRIGHT, "odom")
        made.decide(count * S, pose, Look(seen(MAP, (30 + count, 100)), view(float(count))))
    pose = Pose((8.0, 0.0, 0.0), UPRIGHT, "odom")
    belief, (verdict, reason, _, cause) = made.decide(
        8 * S, pose, Look(seen(MAP, (80, 100)), view(8.0))
    )
    assert belief.mass > 0.9
    assert belief.contrary == 80
    assert verdict is Verdict.AMBIGUOUS
    assert "agrees with keyframe 80" in reason
    assert cause is Cause.CONTRARY
