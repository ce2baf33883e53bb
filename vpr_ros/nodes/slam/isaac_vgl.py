# SPDX-License-Identifier: Apache-2.0
"""A drop-in for Isaac ROS Visual Global Localization: its topics and its service.

Its pose is measured at the image; where this one is not, it is the matched keyframe's. cuVSLAM
needs a hint within some 1.5 m: map with ``keyframes.distance`` no larger, and expect it to ask more
than once.
"""

from __future__ import annotations

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node
from std_srvs.srv import Trigger

from vpr_ros.config import NodeConfig
from vpr_ros.nodes.slam.relocalizer import Relocalizer

_TRIGGER = "visual_localization/trigger_localization"  # name of a topic and of a service
_DEPTH = 100  # as cuVGL's


class IsaacVgl(Relocalizer):
    """Whatever the trigger's message holds is not read, as in the original."""

    name = "isaac_vgl"
    topic = "visual_localization/pose"

    def __init__(self, node: Node, config: NodeConfig) -> None:
        super().__init__(node, config)
        self.subscribe(PoseWithCovarianceStamped, _TRIGGER, self._triggered, _DEPTH)
        self.serve(Trigger, _TRIGGER, self._trigger)

    def _triggered(self, _: PoseWithCovarianceStamped) -> None:
        self.ask()

    def _trigger(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.ask()
        response.message = (
            f"the next accepted match is published on {self._poses.topic_name}"
            if response.success
            else "slam.initial_pose is never"
        )
        return response
