# SPDX-License-Identifier: Apache-2.0
"""What earlier images say about this one."""

from __future__ import annotations

from dataclasses import dataclass

from vpr_ros.config.setting import setting

SEQUENCE_MODES = ("off", "filter", "seqslam")


@dataclass(frozen=True)
class SequenceConfig:
    """What earlier images say about this one.

    A fresh look is an image whose view is a keyframe step (``keyframes``) away from the last one;
    images nearer to it count for a part of a look.
    """

    mode: str = setting(
        "off",
        "off: every image by itself; filter: Bayes filter over the keyframes, with or without "
        "odometry; seqslam: sequences of similarities, for drives without odometry",
        choices=SEQUENCE_MODES,
    )
    trust: float = setting(
        0.98, "Probability that one image alone can give at most", minimum=0.5, maximum=0.999
    )
    miss: float = setting(
        0.5,
        "Probability that a look at a mapped place does not find it",
        minimum=0.01,
        maximum=0.99,
    )
    leave: float = setting(
        0.01,
        "Probability, with each look, of leaving the map or being carried away",
        minimum=1e-6,
        maximum=0.5,
    )
    enter: float = setting(
        0.1, "Probability, with each look off the map, of entering it", minimum=1e-6, maximum=0.5
    )
    reverse: float = setting(
        0.1, "Part of the drives that run against the map's direction", minimum=0.0, maximum=1.0
    )
    drift: float = setting(
        0.3,
        "Odometry's standard deviation after one meter, in meters; it grows with the square root",
        minimum=0.0,
        maximum=10.0,
    )
    max_speed: float = setting(
        2.0,
        "Without odometry: the fastest drive, in multiples of the speed the map was made at",
        minimum=0.1,
        maximum=10.0,
    )
    patience: float = setting(
        5.0, "Looks in a row without support after which no match is accepted", minimum=1.0
    )
    seqslam_length: int = setting(10, "seqslam: looks that make a sequence", minimum=2, maximum=100)
    seqslam_window: int = setting(
        10, "seqslam: keyframes to each side that contrast is taken over", minimum=1, maximum=1000
    )
