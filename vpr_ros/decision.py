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
    Judgment,
    KeyframeRecord,
    RerankScore,
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
    if not candidates or candidates[0].rerank is None:
        return Judgment(Verdict.UNKNOWN, "the map holds no keyframes", 0.0, Cause.EMPTY_MAP)
    best, rerank = candidates[0], candidates[0].rerank
    name = best.keyframe.name
    # A score that is no number is worth nothing, and must not be compared.
    probability = calibration.probability(rerank.score) if math.isfinite(rerank.score) else 0.0
    if probability < config.target_precision:
        shortage = _shortage(rerank, config.target_precision, calibration)
        reason = f"{name} fits best, but {shortage}"
        return Judgment(Verdict.UNKNOWN, reason, probability, Cause.TOO_LITTLE)
    if rerank.is_zoomed(config.max_zoom):
        reason = f"near {name}, {_zoom_in_words(rerank.zoom)}"
        return Judgment(Verdict.AMBIGUOUS, reason, probability, Cause.ZOOM)
    rival = _rival(candidates, config)
    if rival is not None and rival.rerank is not None:
        other = rival.keyframe
        named = other.number if other.is_of_drive(best.keyframe) else other.name
        named += f" ({_in_words(rival.rerank)})"
        reason = f"{name} ({_in_words(rerank)}) and {named} are different places that look alike"
        return Judgment(Verdict.AMBIGUOUS, reason, probability, Cause.LOOK_ALIKE)
    return Judgment(Verdict.ACCEPTED, f"{name} agrees in {_in_words(rerank)}", probability)


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


def _in_words(rerank: RerankScore) -> str:
    return f"score {rerank.score:.2f}" if rerank.inliers < 0 else f"{rerank.inliers} inliers"


def _shortage(rerank: RerankScore, precision: float, calibration: Calibration) -> str:
    needed = calibration.needed_score(precision)
    here = "in this map" if calibration.of_map else "in this uncalibrated map"
    limit = f"{needed:.2f}" if rerank.inliers < 0 else f"{math.ceil(needed)}"
    return f"{_in_words(rerank)} < {limit} needed for precision {precision:g} {here}"


def _zoom_in_words(zoom: float) -> str:
    if zoom > 1.0:
        return f"but {zoom:.1f} times closer to what it shows"
    return f"but {1.0 / max(zoom, 1e-9):.1f} times farther from what it shows"


def _rival(candidates: Sequence[Candidate], config: DecisionConfig) -> Candidate | None:
    """The best candidate of another place, if it comes close to the first one's score."""
    best = candidates[0]
    for other in candidates[1:]:
        if not same_place(best.keyframe, other.keyframe, config):
            if best.rerank is None or other.rerank is None:
                return None
            close = other.rerank.score >= config.rival_ratio * best.rerank.score
            return other if close else None
    return None
