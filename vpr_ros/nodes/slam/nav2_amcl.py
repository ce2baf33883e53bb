# SPDX-License-Identifier: Apache-2.0
"""Nav2's AMCL: an initial pose, and an answer to those who ask for a global localization.

AMCL takes poses in its own global frame only, so that is the frame to map in: with AMCL's own poses
(``pose_type: pose_with_covariance``, topic ``amcl_pose``), not with odometry. It serves
``reinitialize_global_localization``, too, and spreads its particles over the map: remap one of the
two, and name the localizer's in Nav2's behavior tree.
"""

from __future__ import annotations

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.qos import QoSDurabilityPolicy, QoSProfile

from vpr_ros.nodes.slam.initial_pose import InitialPose


class Nav2Amcl(InitialPose):
    """AMCL, which is left alone unasked when it knows its pose better than a place does."""

    name = "nav2_amcl"
    own_pose = "amcl_pose"
    own_pose_qos = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    _known = False

    def knows(self) -> bool:
        """Whether AMCL's last estimate is more certain than a place."""
        return self._known

    def hear(self, message: PoseWithCovarianceStamped) -> None:
        """AMCL tells where it is, and how sure it is of that."""
        variances = message.pose.covariance[::7]
        position, heading = self._settings.position_sigma**2, self._settings.heading_sigma**2
        self._known = max(variances[:2]) < position and variances[5] < heading
        super().hear(message)
