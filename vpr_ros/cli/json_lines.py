# SPDX-License-Identifier: Apache-2.0
"""Answers as JSON, one object per frame and line; what is not a number becomes null."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from vpr_ros.datatypes import Candidate, Recognition
from vpr_ros.map_builder import Frame


@contextmanager
def json_lines(target: str) -> Iterator[Callable[[Frame, Recognition], None]]:
    """Open a file, or ``-`` for the standard output, to write answers to.

    Every line goes to the system in one piece, so that a program that is killed leaves whole
    lines, and one that reads along sees every answer at once.

    Raises:
        OSError: the file cannot be written.
    """
    to_file = target != "-"
    with Path(target).open("w", encoding="utf-8") if to_file else nullcontext(sys.stdout) as file:

        def write(frame: Frame, recognition: Recognition) -> None:
            file.write(json.dumps(as_json(frame.name, recognition), allow_nan=False) + "\n")
            file.flush()

        yield write


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
