# SPDX-License-Identifier: Apache-2.0
"""A measured motion, its covariance, and both in other frames.

Covariances are as ROS has them: 6 x 6 in the order x, y, z (m), rotations about the fixed axes X,
Y, Z of the transform's target frame (rad). A small error (dt, dr) makes t + dt and exp(dr) R of the
translation t and the rotation R.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpr_ros.datatypes import MeasuredTransform
from vpr_ros.geometry.poses import PoseError, checked_pose
from vpr_ros.geometry.transforms import Matrix, RigidTransform, cross

_LEAST_VARIANCE = 1e-12  # m^2 or rad^2; below, it was not measured, and has no finite inverse


@dataclass(frozen=True)
class RelativePose:
    """A measured ``target_T_source``."""

    transform: RigidTransform
    covariance: Matrix  # [6, 6]

    @classmethod
    def measured(cls, motion: MeasuredTransform) -> RelativePose:
        """``match_T_query`` between two cameras' optical frames.

        Raises:
            PoseError: a number is not finite, or the covariance was not measured.
        """
        pose = motion.match_T_query
        pose = checked_pose(pose.position, pose.orientation, pose.frame_id)
        return cls(RigidTransform.of_pose(pose), checked_covariance(motion.covariance))

    def inverse(self) -> RelativePose:
        """``source_T_target``, with the same uncertainty seen from there."""
        back = self.transform.rotation.T
        jacobian = np.zeros((6, 6))
        jacobian[:3, :3] = jacobian[3:, 3:] = -back
        jacobian[:3, 3:] = -back @ cross(self.transform.translation)
        return RelativePose(self.transform.inverse(), jacobian @ self.covariance @ jacobian.T)

    def carried_by(
        self, base_T_target: RigidTransform, base_T_source: RigidTransform
    ) -> RelativePose:
        """The motion of a body that carries both frames, as two cameras of one robot."""
        moved = base_T_target @ self.transform @ base_T_source.inverse()
        jacobian = np.zeros((6, 6))
        jacobian[:3, :3] = jacobian[3:, 3:] = base_T_target.rotation
        lever = moved.rotation @ base_T_source.translation
        jacobian[:3, 3:] = cross(lever) @ base_T_target.rotation
        return RelativePose(moved, jacobian @ self.covariance @ jacobian.T)

    def variances(self) -> list[float]:
        """The diagonal of the covariance, which is all that stacks are told."""
        return [float(value) for value in np.diag(self.covariance)]


def checked_covariance(covariance: object) -> Matrix:
    """A covariance, [6, 6] float64, as something that was measured has it.

    Raises:
        PoseError: an element is not finite, or a variance is not above zero.
    """
    matrix = np.asarray(covariance, dtype=np.float64).reshape(6, 6)
    if not np.isfinite(matrix).all() or np.diag(matrix).min() < _LEAST_VARIANCE:
        raise PoseError(f"a covariance is not filled in: its diagonal is {np.diag(matrix)}")
    return matrix
