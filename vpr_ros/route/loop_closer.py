# SPDX-License-Identifier: Apache-2.0
"""Loop closures: which keyframes of a growing map count as seen again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from vpr_ros.config import LoopConfig
from vpr_ros.datatypes import (
    RESTART_NS,
    Camera,
    KeyframeKey,
    LoopClosure,
    MeasuredTransform,
    Pose,
    Recognition,
    Verdict,
)
from vpr_ros.geometry.poses import distance


@dataclass(frozen=True)
class _Step:
    """A keyframe of this drive."""

    key: KeyframeKey
    stamp_ns: int
    traveled: float  # meters since the drive began

    def is_past(self, oldest_ns: float, limit: float) -> bool:
        return self.stamp_ns <= oldest_ns and self.traveled <= limit


class LoopCloser:
    """Tells the way just driven from places that the drive came back to."""

    def __init__(self, config: LoopConfig) -> None:
        self.config = config  # may be exchanged at any time
        self._recent: deque[_Step] = deque()
        self._traveled = 0.0
        self._last: Pose | None = None

    def add(self, key: KeyframeKey, stamp_ns: int, pose: Pose | None) -> None:
        """Take note of a new keyframe of this drive; a stamp that jumps back begins another."""
        if self._recent and stamp_ns < self._recent[-1].stamp_ns - RESTART_NS:
            self._recent.clear()
        self._traveled += self._step(pose) or 0.0
        self._last = pose
        self._recent.append(_Step(key, stamp_ns, self._traveled))

    def recent(self, stamp_ns: int, pose: Pose | None) -> list[KeyframeKey]:
        """The keyframes that were passed too lately to be a loop.

        A keyframe leaves this list once both its time and its way are long enough: a robot that
        stands still closes no loops, nor does one that turns round at once. Without poses, time
        alone decides.

        Args:
            stamp_ns: of the image that might close a loop.
            pose: of the robot then.
        """
        step = self._step(pose)
        oldest_ns = stamp_ns - self.config.min_seconds * 1e9
        limit = inf if step is None else self._traveled + step - self.config.min_distance
        while self._recent and self._recent[0].is_past(oldest_ns, limit):
            self._recent.popleft()
        return [each.key for each in self._recent]

    def _step(self, pose: Pose | None) -> float | None:
        """Meters from the last keyframe; None where poses cannot tell."""
        if pose is None or self._last is None or pose.frame_id != self._last.frame_id:
            return None
        return distance(pose, self._last)


def loop_closure(
    key: KeyframeKey,
    recognition: Recognition,
    camera: Camera | None = None,
    motion: MeasuredTransform | None = None,
) -> LoopClosure | None:
    """The loop that a new keyframe closes, if its image was recognized.

    Args:
        key: of the new keyframe.
        recognition: of its image, in a map without ``LoopCloser.recent``.
        camera: which took the image.
        motion: between the two cameras, where it was measured.
    """
    if recognition.verdict is not Verdict.ACCEPTED or not recognition.candidates:
        return None
    match, frame_id = recognition.candidates[0], "" if camera is None else camera.frame_id
    probability = recognition.probability
    return LoopClosure(key, recognition.stamp_ns, match, probability, frame_id, motion)
