# SPDX-License-Identifier: Apache-2.0
"""What a robot may do with a belief, and why, in words with numbers."""

from __future__ import annotations

from vpr_ros.config import DecisionConfig, SequenceConfig
from vpr_ros.datatypes import Verdict
from vpr_ros.sequence.base import Belief


def judge(
    belief: Belief, decision: DecisionConfig, sequence: SequenceConfig
) -> tuple[Verdict, str, float]:
    """The verdict on a belief.

    Returns:
        The verdict, its reason in words, and the probability of the likeliest place.
    """
    if belief.best is None:
        return Verdict.UNKNOWN, f"off the map ({belief.off_map:.2f})", 0.0
    name, mass = f"keyframe {belief.best}", belief.mass
    needed = decision.accept_probability
    if mass >= needed and belief.contrary is not None:
        this = f"this image by itself agrees with keyframe {belief.contrary}"
        return (
            Verdict.AMBIGUOUS,
            f"{name} follows from the images before ({mass:.2f}), but {this}",
            mass,
        )
    if mass >= needed and belief.unsupported < sequence.patience:
        return Verdict.ACCEPTED, _accepted(belief), mass
    if mass >= needed:
        stale = f"{belief.unsupported:.0f} looks without a match are too many"
        return Verdict.UNKNOWN, f"{name} is likeliest ({mass:.2f}), but {stale}", mass
    # Surely one of two, and the other is likelier than neither.
    if mass + belief.rival_mass >= needed and belief.rival_mass >= belief.off_map:
        rival = f"keyframe {belief.rival} ({belief.rival_mass:.2f})"
        return Verdict.AMBIGUOUS, f"either {name} ({mass:.2f}) or {rival}", mass
    if belief.off_map >= mass:
        return Verdict.UNKNOWN, f"off the map ({belief.off_map:.2f}), or {name} ({mass:.2f})", mass
    shortage = f"its probability {mass:.2f} is too low: {needed:.2f} needed"
    return Verdict.UNKNOWN, f"{name} is likeliest, but {shortage}", mass


def _accepted(belief: Belief) -> str:
    name = f"keyframe {belief.best}"
    if belief.unsupported == 0.0:
        return f"{name} agrees with this image and those before ({belief.mass:.2f})"
    since = f"{belief.unsupported:.1f} looks after the last match"
    return f"{name} follows from the images before ({belief.mass:.2f}), {since}"
