# SPDX-License-Identifier: Apache-2.0
"""What a robot may do with a belief, and why, in words with numbers."""

from __future__ import annotations

from vpr_ros.config import DecisionConfig, SequenceConfig
from vpr_ros.datatypes import Cause, Judgment, Verdict, keyframe_name
from vpr_ros.sequence.base import Belief


def judge(belief: Belief, decision: DecisionConfig, sequence: SequenceConfig) -> Judgment:
    """The verdict on a belief.

    Returns:
        The verdict, its reason in words, and the probability of the likeliest place; and what kept
        it from being accepted.
    """
    if belief.best is None:
        reason = f"off the map ({belief.off_map:.2f})"
        return Judgment(Verdict.UNKNOWN, reason, 0.0, Cause.OFF_MAP)
    name, mass = _name(belief.best), belief.mass
    needed = decision.target_precision
    if mass >= needed and belief.contrary is not None:
        this = f"this image by itself agrees with {_name(belief.contrary)}"
        reason = f"{name} follows from the images before ({mass:.2f}), but {this}"
        return Judgment(Verdict.AMBIGUOUS, reason, mass, Cause.CONTRARY)
    if mass >= needed and belief.unsupported < sequence.patience:
        return Judgment(Verdict.ACCEPTED, _accepted(belief), mass)
    if mass >= needed:
        stale = f"{belief.unsupported:.0f} looks without a match are too many"
        reason = f"{name} is likeliest ({mass:.2f}), but {stale}"
        return Judgment(Verdict.UNKNOWN, reason, mass, Cause.STALE)
    # Surely one of two, and the other is likelier than neither.
    if mass + belief.rival_mass >= needed and belief.rival_mass >= belief.off_map:
        rival = f"{_name(belief.rival)} ({belief.rival_mass:.2f})"
        reason = f"either {name} ({mass:.2f}) or {rival}"
        return Judgment(Verdict.AMBIGUOUS, reason, mass, Cause.LOOK_ALIKE)
    if belief.off_map >= mass:
        reason = f"off the map ({belief.off_map:.2f}), or {name} ({mass:.2f})"
        return Judgment(Verdict.UNKNOWN, reason, mass, Cause.OFF_MAP)
    shortage = f"its probability {mass:.2f} < {needed:g} needed"
    return Judgment(Verdict.UNKNOWN, f"{name} is likeliest, but {shortage}", mass, Cause.UNSURE)


def _accepted(belief: Belief) -> str:
    name = _name(belief.best)
    if belief.unsupported == 0.0:
        return f"{name} agrees with this image and those before ({belief.mass:.2f})"
    since = f"{belief.unsupported:.1f} looks after the last match"
    return f"{name} follows from the images before ({belief.mass:.2f}), {since}"


def _name(keyframe_id: int | None) -> str:
    return "no keyframe" if keyframe_id is None else keyframe_name(keyframe_id)
