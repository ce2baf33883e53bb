# SPDX-License-Identifier: Apache-2.0
"""What the last images and the odometry say about the place of this one."""

from __future__ import annotations

from vpr_ros.calibration_curve import Calibration
from vpr_ros.config import PipelineConfig
from vpr_ros.place_map import Map
from vpr_ros.sequence.base import Belief, Keyframes, Look, SequenceFilter
from vpr_ros.sequence.bayes import BayesFilter
from vpr_ros.sequence.motion import Odometer, OdometryStep
from vpr_ros.sequence.seqslam import SeqSlam
from vpr_ros.sequence.tracker import SequenceTracker

__all__ = [
    "BayesFilter",
    "Belief",
    "Keyframes",
    "Look",
    "Odometer",
    "OdometryStep",
    "SeqSlam",
    "SequenceFilter",
    "SequenceTracker",
    "open_tracker",
]


def open_tracker(
    place_map: Map, config: PipelineConfig, calibration: Calibration
) -> SequenceTracker | None:
    """What the configuration asks for, None if every image is to be answered by itself.

    Args:
        place_map: the map.
        config: sections ``sequence``, ``decision`` and ``keyframes`` are used.
        calibration: of the rerank scores.
    """
    sequence, decision, steps = config.sequence, config.decision, config.keyframes
    if sequence.mode == "off":
        return None
    chosen: SequenceFilter
    if sequence.mode == "seqslam":
        chosen = SeqSlam(place_map, sequence, decision, steps)
    else:
        chosen = BayesFilter(place_map, sequence, decision, calibration, steps)
    return SequenceTracker(chosen, place_map, decision, sequence, calibration)
