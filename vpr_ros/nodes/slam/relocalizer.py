# SPDX-License-Identifier: Apache-2.0
"""Poses that reset a stack: sent when asked for, not with every match."""

from __future__ import annotations

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Recognition
from vpr_ros.nodes.slam.base import StackAdapter
from vpr_ros.nodes.slam.place_pose import PlacePose, place_pose


class Relocalizer(StackAdapter):
    """Publishes an answer's pose when the stack, a person, or the setting wants one.

    A stack that has found itself must not be thrown back to the size of a place: after each pose,
    ``slam.initial_pose`` decides whether the next one needs to be asked for. A request is kept
    until a match with a pose comes and somebody is there to hear it.
    """

    topic = ""

    def __init__(self, node: Node, config: NodeConfig) -> None:
        super().__init__(node, config)
        self._always = config.slam.initial_pose == "always"
        self._never = config.slam.initial_pose == "never"
        self._unasked = False  # whether the one pose after activation is still due
        self._asked = False
        self._poses = self.publisher(PoseWithCovarianceStamped, self.topic)

    def activate(self) -> None:
        """The first accepted match is worth a pose, if the settings say so."""
        self._unasked = self._settings.initial_pose == "once"

    def ask(self) -> bool:
        """The next accepted match is worth a pose; tells whether it will be sent."""
        if self._never:
            self.refused("a pose was asked for, but slam.initial_pose is never")
            return False
        self._asked = True
        return True

    def knows(self) -> bool:
        """Whether the stack says by itself that it knows where it is."""
        return False

    def wants(self) -> bool:
        """Whether an accepted match is worth a pose now."""
        if self._unasked and self.knows():
            self._unasked = False
        return self._always or self._unasked or self._asked

    def localized(self, recognition: Recognition) -> None:
        """Publish the answer's pose, if it is wanted.

        Raises:
            PoseError: it has none, or one that cannot be.
        """
        if not self.wants():
            return
        pose = place_pose(recognition, self._settings)
        if not self._poses.get_subscription_count():
            self.refused(f"nobody subscribes to {self._poses.topic_name}")
            return
        self.publish(pose)
        self.sent(pose.words)

    def publish(self, pose: PlacePose) -> None:
        """Send a pose that was wanted."""
        self._unasked = self._asked = False  # before publishing: a request from now on is a new one
        self._poses.publish(pose.message())
