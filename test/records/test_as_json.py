# SPDX-License-Identifier: Apache-2.0
"""Answers as JSON: the pose, or why there is none."""

import json
from dataclasses import replace

import numpy as np

from vpr_ros.datatypes import KeyframeKey, Pose, PoseEstimate, Recognition, Verdict
from vpr_ros.records.as_json import as_json

ANSWER = Recognition(5, Verdict.ACCEPTED, "", 0.99, (), {}, pose_reason="no pose: points = none")


def test_without_a_pose_the_reason_is_told():
    answer = json.loads(json.dumps(as_json("a.png", ANSWER)))
    assert answer["pose_reason"] == "no pose: points = none"
    assert [answer[name] for name in ("pose", "covariance", "pose_inliers")] == [None] * 3


def test_a_pose_comes_with_its_covariance():
    where = Pose((1.0, 2.0, 3.0), (0.0, 0.0, 0.0, 1.0), "map")
    pose = PoseEstimate(where, 0.5 * np.eye(6, dtype=np.float32), 42, (KeyframeKey("m", 1),))
    answer = json.loads(json.dumps(as_json("a.png", replace(ANSWER, pose=pose, pose_reason=""))))
    assert answer["pose"] == {
        "position": [1.0, 2.0, 3.0],
        "orientation": [0.0, 0.0, 0.0, 1.0],
        "frame_id": "map",
    }
    assert (answer["pose_inliers"], answer["pose_reason"]) == (42, "")
    assert np.array(answer["covariance"]).tolist() == (0.5 * np.eye(6)).tolist()
