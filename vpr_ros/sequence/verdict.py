# SPDX-License-Identifier: Apache-2.0
"""What a robot may do with a belief, and why, in words with numbers."""

from __future__ import annotations

from vpr_ros.config import DecisionConfig, SequenceConfig
from vpr_ros.datatypes import Cause, Judgment, KeyframeRecord, Verdict
from vpr_ros.sequence.base import Belief


def judge(
    belief: Belief, decision: DecisionConfig, sequence: SequenceConfig, is_anchored: bool = True
) -> Judgment:
    """The verdict on a belief.

    Args:
        belief: where the robot may be.
        decision: what is asked of an answer.
        sequence: what is asked of a sequence.
        is_anchored: whether one of the images that led here was sure by itself. The floors of a
            tower look alike in the same order: many weak agreements of a twin add up to certainty,
            as if each were another proof. They prove no more than the best of them does.

    Returns:
        The verdict, its reason in words, and the probability of the likeliest place; and what kept
        it from being accepted.
    """
    if belief.best is None:
        reason = f"off the map ({belief.off_map:.2f})"
        return Judgment(Verdict.UNKNOWN, reason, 0.0, Cause.OFF_MAP)
    name, mass = _named(belief.best), belief.mass
    needed = decision.target_precision
    if mass >= needed and belief.contrary is not None:
        this = f"this image by itself agrees with {_named(belief.contrary)}"
        reason = f"{name} follows from the images before ({mass:.2f}), but {this}"
        return Judgment(Verdict.AMBIGUOUS, reason, mass, Cause.CONTRARY)
    if mass >= needed and not is_anchored:
        reason = f"{name} follows from the images before ({mass:.2f}), but none was sure by itself"
        return Judgment(Verdict.UNKNOWN, reason, mass, Cause.UNANCHORED)
    if mass >= needed and belief.unsupported < sequence.patience:
        return Judgment(Verdict.ACCEPTED, _accepted(name, belief), mass)
    if mass >= needed:
        stale = f"{belief.unsupported:.0f} looks without a match are too many"
        reason = f"{name} is likeliest ({mass:.2f}), but {stale}"
        return Judgment(Verdict.UNKNOWN, reason, mass, Cause.STALE)
    # Surely one of two, and the other is likelier than neither.
    rival, rival_mass = belief.rival, belief.rival_mass
    if rival is not None and mass + rival_mass >= needed and rival_mass >= belief.off_map:
        reason = f"either {name} ({mass:.2f}) or {_named(rival)} ({rival_mass:.2f})"
        return Judgment(Verdict.AMBIGUOUS, reason, mass, Cause.LOOK_ALIKE)
    if belief.off_map >= mass:
        reason = f"off the map ({belief.off_map:.2f}), or {name} ({mass:.2f})"
        return Judgment(Verdict.UNKNOWN, reason, mass, Cause.OFF_MAP)
    shortage = f"its probability {mass:.2f} < {needed:g} needed"
    return Judgment(Verdict.UNKNOWN, f"{name} is likeliest, but {shortage}", mass, Cause.UNSURE)


def _accepted(name: str, belief: Belief) -> str:
    if belief.unsupported == 0.0:
        return f"{name} agrees with this image and those before ({belief.mass:.2f})"
    since = f"{belief.unsupported:.1f} looks after the last match"
    return f"{name} follows from the images before ({belief.mass:.2f}), {since}"


def _named(keyframe: KeyframeRecord) -> str:
    """A keyframe for people; of several maps, also which one it is of."""
    return keyframe.name if keyframe.map_name else keyframe.number
