# SPDX-License-Identifier: Apache-2.0
"""An answer as JSON: on the command line and in records; what is not a number becomes null."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
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
    where = partial(_place, locate=locate if maps else None)
    return {
        "stamp_ns": recognition.stamp_ns,
        "image": image,
        "verdict": recognition.verdict.name,
        "reason": recognition.reason,
        "cause": recognition.cause.value,
        "probability": _number(recognition.probability),
        **({"maps": maps.probabilities, "no_map": maps.none} if maps else {}),
        "candidates": [
            {**where(each.keyframe.keyframe_id), **_candidate(each)}
            for each in recognition.candidates
        ],
        "believed": [
            {**where(keyframe_id), "probability": probability}
            for keyframe_id, probability in recognition.believed
        ],
        "timings_ms": {name: round(1e3 * each, 3) for name, each in recognition.timings_s.items()},
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


def _place(keyframe_id: int, locate: Locate | None) -> dict[str, Any]:
    if locate is None:
        return {"keyframe_id": keyframe_id}
    path, number = locate(keyframe_id)
    return {"keyframe_id": number, "map": str(path)}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
