# SPDX-License-Identifier: Apache-2.0
"""LIO-SAM: pairs of times, between whose scans it registers by itself.

It listens only with ``loopClosureEnableFlag``, and needs no transform.
"""

from __future__ import annotations

import time

from nav_msgs.msg import Path
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray

from vpr_ros.config import NodeConfig
from vpr_ros.geometry.poses import PoseError
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.slam.closures import ClosureAdapter, HeldClosure

_NS_PER_S = 10**9  # whole: Python rounds the quotient of whole numbers once
_INTERVAL = 1.0  # seconds: LIO-SAM's loop takes one pair a second, and keeps five


class LioSam(ClosureAdapter):
    """Sends [time of the query, time of the match] in seconds.

    For a time before its first keyframe, LIO-SAM would take that keyframe. A map remembers earlier
    drives, so closures with those are kept from it: the path that it publishes tells its start.
    """

    name = "lio_sam"

    def __init__(self, node: Node, config: NodeConfig) -> None:
        super().__init__(node, config)
        self._start_ns: int | None = None
        self._last = -_INTERVAL  # seconds, monotonic clock
        self._times = self.publisher(Float64MultiArray, "lio_loop/loop_closure_detection")
        self.subscribe(Path, "lio_sam/mapping/path", self._hear, 1)

    def tell(self, held: HeldClosure) -> str:
        """Send the pair once LIO-SAM is there.

        Raises:
            PoseError: LIO-SAM would ignore the pair, or mistake it for another.
        """
        separation = (held.query_ns - held.match_ns) / 1e9
        if separation < self._settings.lio_sam.min_separation:
            raise PoseError(f"LIO-SAM ignores two images only {separation:.1f} s apart")
        if self._start_ns is None:
            return f"nothing is heard on {self._node.resolve_topic_name('lio_sam/mapping/path')}"
        if held.match_ns < self._start_ns:
            raise PoseError("the matched image is older than LIO-SAM's map")
        if not self._times.get_subscription_count():
            return f"nobody subscribes to {self._times.topic_name}"
        if time.monotonic() < self._last + _INTERVAL:
            return "LIO-SAM takes one a second"
        self._last = time.monotonic()
        times = [held.query_ns / _NS_PER_S, held.match_ns / _NS_PER_S]
        self._times.publish(Float64MultiArray(data=times))
        self.sent(f"sent a closure over {separation:.1f} s")
        return ""

    def _hear(self, path: Path) -> None:
        if path.poses:
            self._start_ns = stamp_to_ns(path.poses[0].header.stamp)
