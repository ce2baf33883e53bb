# SPDX-License-Identifier: Apache-2.0
"""The verdict on the candidates of one image, and the words for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vpr_ros.calibration_curve import Calibration
from vpr_ros.config import DecisionConfig
from vpr_ros.datatypes import (
    Candidate,
    Cause,
    Comparison,
    Judgment,
    KeyframeRecord,
    Verdict,
)
from vpr_ros.geometry.poses import distance


def decide(
    candidates: Sequence[Candidate], config: DecisionConfig, calibration: Calibration
) -> Judgment:
    """The verdict on reranked candidates, best first.

    Returns:
        The verdict, its reason in words, and the probability that the first candidate shows the
        query's place; and what kept it from being accepted.
    """
    if not candidates:
        return Judgment(Verdict.UNKNOWN, "the map holds no keyframes", 0.0, Cause.EMPTY_MAP)
    best, comparison = candidates[0], _compared(candidates[0])
    name = best.keyframe.name
    # A score that is no number is worth nothing, and must not be compared.
    is_number = math.isfinite(comparison.score)
    probability = calibration.probability(comparison.score) if is_number else 0.0
    if probability < config.target_precision:
        shortage = _shortage(comparison, config.target_precision, calibration)
        reason = f"{name} fits best, but {shortage}"
        return Judgment(Verdict.UNKNOWN, reason, probability, Cause.TOO_LITTLE)
    if comparison.is_zoomed(config.max_zoom):
        reason = f"near {name}, {_zoom_in_words(comparison.zoom)}"
        return Judgment(Verdict.AMBIGUOUS, reason, probability, Cause.ZOOM)
    rival = _rival(candidates, config)
    if rival is not None:
        other = rival.keyframe
        named = other.number if other.is_of_drive(best.keyframe) else other.name
        pair = f"{name} ({_in_words(comparison)}) and {named} ({_in_words(_compared(rival))})"
        reason = f"{pair} are different places that look alike"
        return Judgment(Verdict.AMBIGUOUS, reason, probability, Cause.LOOK_ALIKE)
    return Judgment(Verdict.ACCEPTED, f"{name} agrees in {_in_words(comparison)}", probability)


def scores_elsewhere(candidates: Sequence[Candidate], config: DecisionConfig) -> list[float]:
    """The scores of the candidates that show another place than the one with the best score."""
    compared = [each for each in candidates if each.comparison is not None]
    best = max(compared, key=lambda each: _compared(each).score, default=None)
    if best is None:
        return []
    scores = [
        _compared(each).score
        for each in compared
        if not same_place(best.keyframe, each.keyframe, config)
    ]
    return [score for score in scores if math.isfinite(score)]


def same_place(left: KeyframeRecord, right: KeyframeRecord, config: DecisionConfig) -> bool:
    """Whether two keyframes may show one place.

    Poses of two sessions need not share an origin, so keyframes of different sessions are given
    the benefit of the doubt; those of different maps unless maps do not overlap.
    """
    if not (config.maps_overlap or left.key.map == right.key.map):
        return False
    if not left.is_of_drive(right):
        return True
    if left.pose and right.pose and left.pose.frame_id == right.pose.frame_id:
        return distance(left.pose, right.pose) <= config.place_radius
    return abs(left.stamp_ns - right.stamp_ns) <= config.place_seconds * 1e9


def _compared(candidate: Candidate) -> Comparison:
    """How a candidate compares; where nothing but whole images was compared, by these."""
    return candidate.comparison or Comparison(candidate.similarity)


def _in_words(comparison: Comparison) -> str:
    if comparison.inliers < 0:
        return f"score {comparison.score:.2f}"
    return f"{comparison.inliers} inliers"


def _shortage(comparison: Comparison, precision: float, calibration: Calibration) -> str:
    needed = calibration.needed_score(precision)
    here = "in this map" if calibration.of_map else "in this uncalibrated map"
    limit = f"{needed:.2f}" if comparison.inliers < 0 else f"{math.ceil(needed)}"
    return f"{_in_words(comparison)} < {limit} needed for precision {precision:g} {here}"


def _zoom_in_words(zoom: float) -> str:
    if zoom > 1.0:
        return f"but {zoom:.1f} times closer to what it shows"
    return f"but {1.0 / max(zoom, 1e-9):.1f} times farther from what it shows"


def _rival(candidates: Sequence[Candidate], config: DecisionConfig) -> Candidate | None:
    """The best candidate of another place, if it comes close to the first one's score."""
    best = candidates[0]
    for other in candidates[1:]:
        if not same_place(best.keyframe, other.keyframe, config):
            close = _compared(other).score >= config.rival_ratio * _compared(best).score
            return other if close else None
    return None
