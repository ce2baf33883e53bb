# SPDX-License-Identifier: Apache-2.0
"""A sequence filter with what it needs beside it: odometry in, verdicts out."""

from __future__ import annotations

from vpr_ros.config import DecisionConfig, SequenceConfig
from vpr_ros.datatypes import Judgment, Pose
from vpr_ros.sequence.base import Belief, Look, SequenceFilter
from vpr_ros.sequence.motion import Odometer
from vpr_ros.sequence.verdict import judge


class SequenceTracker:
    """Answers images one after the other, each in the light of those before."""

    def __init__(
        self, chosen: SequenceFilter, decision: DecisionConfig, sequence: SequenceConfig
    ) -> None:
        self._filter = chosen
        self._odometer = Odometer()
        self._decision = decision
        self._sequence = sequence

    @property
    def needs_similarities(self) -> bool:
        """Whether looks must carry the similarities to all keyframes."""
        return self._filter.needs_similarities

    def decide(self, stamp_ns: int, odometry: Pose | None, look: Look) -> tuple[Belief, Judgment]:
        """What is believed after an image, and the verdict with its reason and probability.

        Args:
            stamp_ns: the image's stamp.
            odometry: where odometry sees the robot at that stamp, ``odom_T_base`` with the x axis
                of the base pointing ahead; None without odometry.
            look: what the image says by itself.
        """
        belief = self._filter.update(stamp_ns, self._odometer.step(odometry), look)
        return belief, judge(belief, self._decision, self._sequence)

    def reload(self) -> None:
        """Take over poses of keyframes that were corrected in the map."""
        self._filter.reload()
