# SPDX-License-Identifier: Apache-2.0
"""``initialpose``: for stacks that tell their own pose, and may be sure of a wrong one."""

from __future__ import annotations

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_srvs.srv import Empty

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Recognition
from vpr_ros.geometry.poses import PoseError
from vpr_ros.nodes.conversions import pose_from_message
from vpr_ros.nodes.slam.place_pose import PlacePose, place_pose
from vpr_ros.nodes.slam.pose_pair import UncertainPose
from vpr_ros.nodes.slam.relocalizer import Relocalizer
from vpr_ros.nodes.slam.supervision import Agreement, Supervision


class InitialPose(Relocalizer):
    """A stack whose pose is watched, and the service by which Nav2's behavior trees ask for one.

    A pose that disagrees with the matches is corrected once, with the newest match's. A stack that
    disagrees still is lost, and is told nothing more until it agreed or somebody asks.
    """

    topic = "initialpose"
    own_pose = ""  # topic on which the stack tells where it is
    own_pose_qos: QoSProfile | int = 10

    def __init__(self, node: Node, config: NodeConfig) -> None:
        super().__init__(node, config)
        self._supervision = Supervision(config.slam.disagreements, config.decision.place_radius)
        self._correcting = False  # whether a pose that corrects the stack is due
        self.serve(Empty, "reinitialize_global_localization", self._reinitialize)
        self.subscribe(PoseWithCovarianceStamped, self.own_pose, self.hear, self.own_pose_qos)

    def activate(self) -> None:
        """The robot may have been carried meanwhile: what matches said counts no more."""
        super().activate()
        self._supervision.restart()
        self._correcting = False

    def hear(self, message: PoseWithCovarianceStamped) -> None:
        """The stack tells where it is."""
        try:
            stamp_ns, pose = pose_from_message(message)
            estimate = UncertainPose.of(stamp_ns, pose, message.pose.covariance[::7])
        except PoseError as error:
            self.refused(f"{self.own_pose} is not used: {error}")
            return
        self._supervision.hear(estimate)

    def localized(self, recognition: Recognition) -> None:
        """Compare the stack's pose with an answer, and publish the answer's if it is wanted.

        Raises:
            PoseError: it is wanted, and the answer has none, or one that cannot be.
        """
        self._supervise(recognition)
        super().localized(recognition)

    def wants(self) -> bool:
        """Whether an accepted match is worth a pose now."""
        return super().wants() or self._correcting

    def publish(self, pose: PlacePose) -> None:
        """Send a pose, and watch whether it helps."""
        self._correcting = False
        if not self._always:  # which would begin to watch again with every match
            self._supervision.sent(pose.stamp_ns)
        super().publish(pose)

    def facts(self) -> dict[str, str]:
        """The counters, and whether the stack's pose agrees with the matches."""
        return {**super().facts(), f"{self.name} pose": self._supervision.words}

    def warnings(self) -> list[str]:
        """Tells of a stack that is not where the matches are."""
        if self._supervision.state is Agreement.AGREES:
            return []
        return [f"{self.name} pose: {self._supervision.words}"]

    def _supervise(self, recognition: Recognition) -> None:
        try:
            place = place_pose(recognition, self._settings)
        except PoseError:
            return  # counts for nothing
        match = UncertainPose.of(place.stamp_ns, place.pose, place.variances)
        if not self._supervision.compare(match):
            return
        if self._supervision.state is Agreement.DISAGREES:
            self._correcting = not self._never
        elif self._supervision.state is Agreement.AGREES:
            self._correcting = False
        self._node.get_logger().warning(
            f"{self.name} pose: {self._supervision.words}, by {self._settings.disagreements} "
            f"matches in a row up to {place.keyframe}"
        )

    def _reinitialize(self, request: Empty.Request, response: Empty.Response) -> Empty.Response:
        self.ask()
        return response
