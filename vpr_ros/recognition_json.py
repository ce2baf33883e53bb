# SPDX-License-Identifier: Apache-2.0
"""An answer as JSON: on the command line and in records; what is not a number becomes null."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vpr_ros.datatypes import Candidate, Recognition

Locate = Callable[[int], tuple[Path, int]]  # keyframe id -> file of its map, and its id there


def as_json(image: str, recognition: Recognition, locate: Locate | None = None) -> dict[str, Any]:
    """One answer as ``json.dumps`` takes it.

    Args:
        image: the name of the image that was answered.
        recognition: the answer.
        locate: tells where candidates are kept; asked where several maps are searched.
    """
    maps = recognition.maps
    return {
        "stamp_ns": recognition.stamp_ns,
        "image": image,
        "verdict": recognition.verdict.name,
        "reason": recognition.reason,
        "cause": recognition.cause.value,
        "probability": _number(recognition.probability),
        **({"maps": maps.probabilities, "no_map": maps.none} if maps else {}),
        "candidates": [
            {**_candidate(each), **(_place(each, locate) if maps and locate else {})}
            for each in recognition.candidates
        ],
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


def _place(candidate: Candidate, locate: Locate) -> dict[str, Any]:
    path, number = locate(candidate.keyframe.keyframe_id)
    return {"keyframe_id": number, "map": str(path)}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
