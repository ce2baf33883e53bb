# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms, named ``target_T_source``: measured ones, and chains of fixed frames.

Covariances are as ROS has them: 6 x 6 in the order x, y, z (m), rotations about the fixed axes X,
Y, Z of the transform's target frame (rad). A small error (dt, dr) makes t + dt and exp(dr) R of the
translation t and the rotation R.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import MeasuredTransform, Pose
from vpr_ros.geometry.poses import PoseError, checked_pose

Matrix = NDArray[np.float64]
_LEAST_VARIANCE = 1e-12  # m^2 or rad^2; below, it was not measured, and has no finite inverse


@dataclass(frozen=True)
class RigidTransform:
    """``target_T_source``."""

    rotation: Matrix  # [3, 3]
    translation: Matrix  # [3] meters

    @classmethod
    def identity(cls) -> RigidTransform:
        """What changes nothing."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def of_pose(cls, pose: Pose) -> RigidTransform:
        """``frame_T_body`` of a body's pose in a frame."""
        axis, w = np.array(pose.orientation[:3]), pose.orientation[3]
        turn = cross(axis)
        rotation = np.eye(3) + 2.0 * w * turn + 2.0 * turn @ turn
        return cls(rotation, np.array(pose.position))

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        return RigidTransform(
            self.rotation @ other.rotation, self.rotation @ other.translation + self.translation
        )

    def inverse(self) -> RigidTransform:
        """``source_T_target``."""
        return RigidTransform(self.rotation.T, -self.rotation.T @ self.translation)

    def as_pose(self, frame_id: str) -> Pose:
        """The pose of the source in the target frame, which has this name."""
        x, y, z = (float(value) for value in self.translation)
        return Pose((x, y, z), quaternion(self.rotation), frame_id)


# From a camera's body, x ahead and z up, to its images: z ahead, x right, y down (REP 103).
LINK_T_OPTICAL = RigidTransform(
    np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3)
)


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


def to_root(frame: str, parents: Mapping[str, str]) -> list[str]:
    """A frame and every frame above it, by their ``parents``; a circle is gone round once."""
    frames = [frame]
    while (parent := parents.get(frames[-1])) is not None and parent not in frames:
        frames.append(parent)
    return frames


def below_shared(
    one: str, other: str, parents: Mapping[str, str]
) -> tuple[list[str], list[str]] | None:
    """The frames from each of two upward that lie below the first ancestor of both.

    None where they have no ancestor in common.
    """
    up, down = to_root(one, parents), to_root(other, parents)
    shared = next((frame for frame in up if frame in down), None)
    return None if shared is None else (up[: up.index(shared)], down[: down.index(shared)])


def as_mount(base_T_optical: RigidTransform) -> Pose:
    """A camera's place as ``Camera.mount`` has it; two are equal wherever they come from."""
    return base_T_optical.as_pose("base")


class FixedFrames:
    """Frames that never move against each other, as ``/tf_static`` tells them.

    Each hangs on another one; ROS 1's slash is left out.
    """

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._parent_T: dict[str, RigidTransform] = {}  # by child

    def add(self, parent: str, child: str, parent_T_child: RigidTransform) -> None:
        """Take a transform, in place of what was known of this child."""
        name = child.removeprefix("/")
        self._parent_T[name] = parent_T_child  # first: another thread may be asking
        self._parents[name] = parent.removeprefix("/")

    def between(self, target: str, source: str) -> RigidTransform | None:
        """``target_T_source``, None where no chain of fixed transforms joins the two."""
        ends = target.removeprefix("/"), source.removeprefix("/")
        sides = below_shared(*ends, self._parents)
        if sides is None:
            return None
        shared_T_target, shared_T_source = map(self._product, sides)
        return shared_T_target.inverse() @ shared_T_source

    def camera_on(self, base: str, camera: str) -> RigidTransform | None:
        """``base_T_camera``, None where no chain tells.

        Nor is it known of a camera whose images name the robot's base as their frame.
        """
        is_base = base.removeprefix("/") == camera.removeprefix("/")
        return None if is_base else self.between(base, camera)

    def _product(self, side: Iterable[str]) -> RigidTransform:
        """``above_T_frame`` of frames that each hang on the next."""
        product = RigidTransform.identity()
        for frame in side:
            product = self._parent_T[frame] @ product
        return product


def checked_covariance(covariance: object) -> Matrix:
    """A covariance, [6, 6] float64, as something that was measured has it.

    Raises:
        PoseError: an element is not finite, or a variance is not above zero.
    """
    matrix = np.asarray(covariance, dtype=np.float64).reshape(6, 6)
    if not np.isfinite(matrix).all() or np.diag(matrix).min() < _LEAST_VARIANCE:
        raise PoseError(f"a covariance is not filled in: its diagonal is {np.diag(matrix)}")
    return matrix


def quaternion(rotation: Matrix) -> tuple[float, float, float, float]:
    """Unit quaternion x, y, z, w of a rotation matrix.

    Of the four ways to divide, the one whose divisor is largest (Shepperd, 1978).
    """
    r = rotation
    squares = np.array([r[0, 0], r[1, 1], r[2, 2], r.trace()])  # each 4 * component^2 + a constant
    largest = int(np.argmax(squares))
    if largest == 3:
        values = [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], 1.0 + r.trace()]
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        values = [0.0, 0.0, 0.0, r[k, j] - r[j, k]]
        values[i] = 1.0 + r[i, i] - r[j, j] - r[k, k]
        values[j], values[k] = r[j, i] + r[i, j], r[k, i] + r[i, k]
    norm = math.hypot(*values)
    return (values[0] / norm, values[1] / norm, values[2] / norm, values[3] / norm)


def cross(vector: Matrix) -> Matrix:
    """The matrix [3, 3] that multiplies by a vector as the cross product from the left."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
