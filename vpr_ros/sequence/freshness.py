# SPDX-License-Identifier: Apache-2.0
"""How much of what an image says is news.

Images of one view err together: what fooled the matching once fools it again. Counting them as
independent would let a robot that stands before a look-alike become certain of it. What counts is
therefore measured like a new keyframe: a view that is a keyframe step away is one whole look.
"""

from __future__ import annotations

import numpy as np

from vpr_ros.config import KeyframeConfig
from vpr_ros.datatypes import FloatArray
from vpr_ros.sequence.motion import STILL, OdometryStep

_TURNING = 0.01  # radians per image below which a robot stands
# Of ``view_change``: below it the view is the same one with noise, however often it is seen.
_NOISE = 0.25


class Freshness:
    """Tells old views from new ones."""

    def __init__(self, config: KeyframeConfig) -> None:
        self._config = config
        # Camera -> descriptor of its last view that counted.
        self._references: dict[str, FloatArray] = {}

    def of(self, step: OdometryStep | None, descriptor: FloatArray, camera: str = "") -> float:
        """The part of an independent look that an image is worth, 0 to 1.

        Args:
            step: what odometry says since the last image.
            descriptor: of the image, float32 [D], unit norm.
            camera: which of several took it: a robot that stands sees nothing new by looking
                ahead and back in turn.
        """
        worth = self._by_view(step, descriptor, self._references.get(camera))
        if step is not None:
            worth = max(worth, self._by_odometry(step))
        if worth > 0.0:
            self._references[camera] = descriptor
        return worth

    def _by_odometry(self, step: OdometryStep) -> float:
        if abs(step.distance) < STILL and step.angle < _TURNING:
            return 0.0
        moved = abs(step.distance) / self._config.distance + step.angle / self._config.angle
        return min(1.0, moved)

    def _by_view(
        self, step: OdometryStep | None, descriptor: FloatArray, reference: FloatArray | None
    ) -> float:
        if reference is None:
            return 1.0
        change = 1.0 - float(np.dot(reference, descriptor))
        part = change / max(self._config.view_change, 1e-6)
        # With odometry only a wholly new view counts: the wheels of a robot that is carried stand
        # still, but people who walk through the picture are no reason to look again.
        return min(1.0, part) if part >= (_NOISE if step is None else 1.0) else 0.0
