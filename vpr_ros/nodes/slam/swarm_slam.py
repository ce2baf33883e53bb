# SPDX-License-Identifier: Apache-2.0
"""Swarm-SLAM: pairs of its own keyframes, which it registers by itself.

It numbers its keyframes and publishes each number with the odometry it was made at: the images of a
closure are found among them by their stamps. Run the node in the robot's namespace (r0, r1, ...).
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.geometry.poses import PoseError
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.interfaces import interface
from vpr_ros.nodes.slam.closures import ClosureAdapter, HeldClosure
from vpr_ros.nodes.slam.stamp_table import StampTable

_REMEDY = "build cslam_common_interfaces (github.com/lajoiepy/cslam_interfaces) in your workspace"
_DEPTH = 100  # as Swarm-SLAM's


class SwarmSlam(ClosureAdapter):
    """A pair is taken only where both images are near a keyframe in time, and not the same one."""

    name = "swarm_slam"

    def __init__(self, node: Node, config: NodeConfig) -> None:
        self._match = interface("cslam_common_interfaces", "msg", "LocalKeyframeMatch", _REMEDY)
        odometry = interface("cslam_common_interfaces", "msg", "KeyframeOdom", _REMEDY)
        super().__init__(node, config)
        self._keyframes = StampTable()
        self._told: set[tuple[int, int]] = set()
        self._matches = self.publisher(self._match, "cslam/local_keyframe_match")
        self.subscribe(odometry, "cslam/keyframe_odom", self._hear, _DEPTH)

    def tell(self, held: HeldClosure) -> str:
        """Send the pair once both keyframes are known.

        Raises:
            PoseError: both images belong to one keyframe, or the pair was sent already.
        """
        tolerance = self._settings.swarm_slam.stamp_tolerance
        query = self._keyframes.at(held.query_ns, tolerance)
        match = self._keyframes.at(held.match_ns, tolerance)
        if query is None or match is None:
            image = "later" if query is None else "earlier"
            return f"Swarm-SLAM has no keyframe within {tolerance:g} s of the {image} image"
        if query == match or (query, match) in self._told:
            raise PoseError(f"Swarm-SLAM's keyframes {query} and {match} need no closure")
        if not self._matches.get_subscription_count():
            return f"nobody subscribes to {self._matches.topic_name}"
        self._told.add((query, match))
        self._matches.publish(self._match(keyframe0_id=query, keyframe1_id=match))
        self.sent(f"sent the keyframes {query} and {match}")
        return ""

    def _hear(self, keyframe: Any) -> None:
        if not keyframe.id:  # Swarm-SLAM counts from 0: it started over
            self._told.clear()
        self._keyframes.add(int(keyframe.id), stamp_to_ns(keyframe.odom.header.stamp))
