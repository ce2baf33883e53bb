# SPDX-License-Identifier: Apache-2.0
"""An answer as JSON: on the command line and in records; what is not a number becomes null."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from vpr_ros.datatypes import Candidate, KeyframeKey, Recognition

PathOf = Callable[[KeyframeKey], Path]  # tells the file of a keyframe's map


def as_json(image: str, recognition: Recognition, path_of: PathOf | None = None) -> dict[str, Any]:
    """One answer as ``json.dumps`` takes it.

    Args:
        image: the name of the image that was answered.
        recognition: the answer.
        path_of: tells where candidates are kept; needed where several maps are searched.
    """
    maps = recognition.maps
    where = partial(_place, path_of=path_of)
    return {
        "stamp_ns": recognition.stamp_ns,
        "image": image,
        "verdict": recognition.verdict.name,
        "reason": recognition.reason,
        "cause": recognition.cause.value,
        "probability": _number(recognition.probability),
        **({"maps": maps.probabilities, "no_map": maps.none} if maps else {}),
        "candidates": [
            {**where(each.keyframe.key), **_candidate(each)} for each in recognition.candidates
        ],
        "believed": [
            {**where(key), "probability": probability} for key, probability in recognition.believed
        ],
        **_pose(recognition),
        "timings_ms": {name: round(1e3 * each, 3) for name, each in recognition.timings_s.items()},
    }


def _pose(recognition: Recognition) -> dict[str, Any]:
    """Where the base was, with what is known of that; or why it is not known."""
    pose = recognition.pose
    if pose is None:
        unknown = dict.fromkeys(("pose", "covariance", "pose_inliers"))
        return {**unknown, "pose_reason": recognition.pose_reason}
    base = pose.map_T_base
    where = {"position": list(base.position), "orientation": list(base.orientation)}
    return {
        "pose": {**where, "frame_id": base.frame_id},
        "covariance": [[float(value) for value in row] for row in pose.covariance],
        "pose_inliers": pose.inliers,
        "pose_reason": recognition.pose_reason,
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    keyframe, comparison = candidate.keyframe, candidate.comparison
    return {
        "stamp_ns": keyframe.stamp_ns,
        "similarity": _number(candidate.similarity),
        "rerank_score": _number(comparison.score) if comparison else None,
        "inliers": comparison.inliers if comparison else None,
        "position": list(keyframe.pose.position) if keyframe.pose else None,
    }


def _place(key: KeyframeKey, path_of: PathOf | None) -> dict[str, Any]:
    if path_of is None:
        return {"keyframe_id": key.id}
    return {"keyframe_id": key.id, "map": str(path_of(key)), "map_id": key.map}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
