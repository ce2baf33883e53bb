# SPDX-License-Identifier: Apache-2.0
"""An answer as JSON: on the command line and in records; what is not a number becomes null."""

from __future__ import annotations

import math
from typing import Any

from vpr_ros.datatypes import Candidate, Recognition


def as_json(image: str, recognition: Recognition) -> dict[str, Any]:
    """One answer as ``json.dumps`` takes it.

    Args:
        image: the name of the image that was answered.
        recognition: the answer.
    """
    return {
        "stamp_ns": recognition.stamp_ns,
        "image": image,
        "verdict": recognition.verdict.name,
        "reason": recognition.reason,
        "cause": recognition.cause.value,
        "probability": _number(recognition.probability),
        "candidates": [_candidate(each) for each in recognition.candidates],
        "timings_ms": {name: round(1e3 * each, 3) for name, each in recognition.timings_s.items()},
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    keyframe, rerank = candidate.keyframe, candidate.rerank
    return {
        "keyframe_id": keyframe.keyframe_id,
        "stamp_ns": keyframe.stamp_ns,
        "similarity": _number(candidate.similarity),
        "rerank_score": _number(rerank.score) if rerank else None,
        "inliers": rerank.inliers if rerank else None,
        "position": list(keyframe.pose.position) if keyframe.pose else None,
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
