# SPDX-License-Identifier: Apache-2.0
"""When a pose counts as measured."""

from __future__ import annotations

from dataclasses import dataclass

from vpr_ros.config.setting import setting

POINTS = ("sift", "none")


@dataclass(frozen=True)
class PoseConfig:
    """What a pose has to keep to be told; without one, a match is a place."""

    min_inliers: int = setting(
        12, "Points that have to agree with a pose at least", within=(6, 1000)
    )
    max_distance: float = setting(
        12.0, "Largest distance in meters of a pose from the matched keyframe", minimum=0.1
    )
    max_angle: float = setting(
        1.2, "Largest angle in radians of a camera to that of the keyframe", within=(0.01, 3.15)
    )
    max_sigma: float = setting(
        0.5,
        "Largest standard deviation in meters of a pose, along its least certain direction",
        minimum=0.001,
    )
