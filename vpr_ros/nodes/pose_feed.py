# SPDX-License-Identifier: Apache-2.0
"""The robot's poses as they arrive, and the wait for the one that belongs to an image."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry

from vpr_ros.datatypes import Pose
from vpr_ros.errors import VprError
from vpr_ros.geometry.no_pose import NoPose
from vpr_ros.geometry.pose_buffer import PoseBuffer
from vpr_ros.nodes.conversions import pose_from_message

# pose_type -> (topic, message type)
POSE_SOURCES = {
    "odometry": ("odom", Odometry),
    "pose": ("pose", PoseStamped),
    "pose_with_covariance": ("pose", PoseWithCovarianceStamped),
}


class PoseFeed:
    """Poses come in on the executor's thread and are asked for on the worker's."""

    def __init__(self, max_gap: float, on_arrival: Callable[[], None] = lambda: None) -> None:
        """Hear of no pose yet.

        Args:
            max_gap: seconds; poses further apart are never interpolated.
            on_arrival: called after each pose, on the executor's thread.
        """
        self._on_arrival = on_arrival
        self._buffer = PoseBuffer(max_gap=max_gap)
        self._arrived = threading.Condition()
        self.last_arrival: float | None = None  # seconds, monotonic clock
        self.refused = 0
        self.last_error = ""

    def take(self, message: Odometry | PoseStamped | PoseWithCovarianceStamped) -> None:
        """Subscription callback; a pose that cannot be is counted and forgotten."""
        self.last_arrival = time.monotonic()
        try:
            stamp_ns, pose = pose_from_message(message)
        except VprError as error:
            self.refused += 1
            self.last_error = str(error)
            return
        with self._arrived:
            self._buffer.add(stamp_ns, pose)
            self._arrived.notify_all()
        self._on_arrival()

    def reaches(self, stamp_ns: int) -> bool:
        """Whether a pose at a stamp need not be waited for any more."""
        with self._arrived:
            return self._buffer.reaches(stamp_ns)

    def at(self, stamp_ns: int, timeout: float) -> Pose | None:
        """The pose at a stamp, waiting up to ``timeout`` seconds for a later one to arrive."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._buffer.reaches(stamp_ns), timeout)
            return self._buffer.at(stamp_ns)

    def why_not(self, stamp_ns: int) -> NoPose:
        """Why there is no pose at a stamp for which ``at`` gave none."""
        with self._arrived:
            return self._buffer.why_not(stamp_ns)
