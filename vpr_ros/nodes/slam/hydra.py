# SPDX-License-Identifier: Apache-2.0
"""Hydra and Kimera: edges for the pose graph, whose poses are named by robot and stamp.

Hydra takes an edge for its poses nearest in time, and drops it where that is not within a second.
While it is not done with the query's pose, an older one is nearest: hence the wait.
"""

from __future__ import annotations

from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.geometry.transforms import RelativePose
from vpr_ros.nodes.conversions import ns_to_stamp, pose_to_message
from vpr_ros.nodes.interfaces import interface
from vpr_ros.nodes.slam.closures import HeldClosure, MetricClosureAdapter
from vpr_ros.nodes.slam.place_pose import diagonal
from vpr_ros.nodes.tf.camera_mounts import CameraMounts

_REMEDY = "build pose_graph_tools_msgs (github.com/MIT-SPARK/pose_graph_tools) in your workspace"


class Hydra(MetricClosureAdapter):
    """One message for each closure, with one edge from the query to the match.

    The edge's pose is ``to_T_from``, as Hydra's backend reads it. Hydra itself does not read the
    covariance: its own setting counts.
    """

    name = "hydra"

    def __init__(self, node: Node, config: NodeConfig, mounts: CameraMounts) -> None:
        self._graph = interface("pose_graph_tools_msgs", "msg", "PoseGraph", _REMEDY)
        self._edge = interface("pose_graph_tools_msgs", "msg", "PoseGraphEdge", _REMEDY)
        super().__init__(node, config, mounts)
        self._graphs = self.publisher(self._graph, "external_loop_closures")

    def patience(self) -> float:
        """Seconds that a closure may wait: the hold comes on top."""
        return self._settings.hydra.hold + self._settings.patience

    def tell(self, held: HeldClosure) -> str:
        """Send the edge once it was held long enough, and Hydra is there."""
        if held.age < self._settings.hydra.hold:
            return "it is held until the pose graph has both of its poses"
        motion = self.base_motion(held.closure)
        if motion is None:
            return self.no_mount(held.closure)
        if not self._graphs.get_subscription_count():
            return f"nobody subscribes to {self._graphs.topic_name}"
        self._publish(held, motion)
        self.sent(f"sent an edge from {held.query_ns} to {held.match_ns}")
        return ""

    def _publish(self, held: HeldClosure, match_T_query: RelativePose) -> None:
        robot = self._settings.hydra.robot_id
        edge = self._edge(
            key_from=held.query_ns,
            key_to=held.match_ns,
            robot_from=robot,
            robot_to=robot,
            type=self._edge.LOOPCLOSE,
            pose=pose_to_message(match_T_query.transform.as_pose("")),
            covariance=diagonal(match_T_query.variances()),
        )
        edge.header.stamp = ns_to_stamp(held.query_ns)
        edge.header.frame_id = self._base_frame
        self._graphs.publish(self._graph(header=edge.header, edges=[edge]))
