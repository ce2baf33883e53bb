# SPDX-License-Identifier: Apache-2.0
"""The transform of a loop closure, its covariance, and both in other frames.

Covariances are as ROS has them: 6 x 6 in the order x, y, z (m), rotations about the fixed axes X,
Y, Z of the transform's target frame (rad). A small error (dt, dr) makes t + dt and exp(dr) R of the
translation t and the rotation R.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import Transform

from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import Matrix, RigidTransform, cross
from vpr_ros.nodes.conversions import pose_from_transform, pose_to_message
from vpr_ros.nodes.interfaces import LoopClosure

_LEAST_VARIANCE = 1e-12  # m^2 or rad^2; below, it was not measured, and has no finite inverse


@dataclass(frozen=True)
class RelativePose:
    """A measured ``target_T_source``."""

    transform: RigidTransform
    covariance: Matrix  # [6, 6]

    def inverse(self) -> RelativePose:
        """``source_T_target``, with the same uncertainty seen from there."""
        back = self.transform.rotation.T
        jacobian = np.zeros((6, 6))
        jacobian[:3, :3] = jacobian[3:, 3:] = -back
        jacobian[:3, 3:] = -back @ cross(self.transform.translation)
        return RelativePose(self.transform.inverse(), jacobian @ self.covariance @ jacobian.T)

    def carried_by(self, base_T_camera: RigidTransform) -> RelativePose:
        """The same motion of a body that carries both cameras at the same place."""
        moved = base_T_camera @ self.transform @ base_T_camera.inverse()
        jacobian = np.zeros((6, 6))
        jacobian[:3, :3] = jacobian[3:, 3:] = base_T_camera.rotation
        lever = moved.rotation @ base_T_camera.translation
        jacobian[:3, 3:] = cross(lever) @ base_T_camera.rotation
        return RelativePose(moved, jacobian @ self.covariance @ jacobian.T)

    def variances(self) -> list[float]:
        """The diagonal of the covariance, which is all that stacks are told."""
        return [float(value) for value in np.diag(self.covariance)]


def measured_pose(closure: LoopClosure) -> RelativePose:
    """``match_T_query`` between the camera's optical frames.

    Raises:
        PoseError: it was not measured, or its covariance was not.
    """
    if not closure.has_transform:
        raise PoseError("the loop closure has no measured transform, and this stack needs one")
    covariance = np.array(closure.covariance, dtype=np.float64).reshape(6, 6)
    if not np.isfinite(covariance).all() or np.diag(covariance).min() < _LEAST_VARIANCE:
        raise PoseError("the covariance of the loop closure's transform is not filled in")
    return RelativePose(rigid_transform(closure.transform), covariance)


def rigid_transform(message: Transform) -> RigidTransform:
    """The transform of a message.

    Raises:
        PoseError: a number is NaN or infinite, or the quaternion is zero.
    """
    return RigidTransform.of_pose(pose_from_transform(message, "a transform"))


def transform_message(transform: RigidTransform) -> Transform:
    """The message of a transform, its quaternion of unit norm."""
    pose = transform_pose(transform)
    message = Transform()
    message.rotation = pose.orientation
    t = message.translation
    t.x, t.y, t.z = pose.position.x, pose.position.y, pose.position.z
    return message


def transform_pose(transform: RigidTransform) -> PoseMessage:
    """The same as the pose of the source in the target frame."""
    return pose_to_message(transform.as_pose(""))
