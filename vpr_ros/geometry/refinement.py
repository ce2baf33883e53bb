# SPDX-License-Identifier: Apache-2.0
"""A camera's pose refined over what it sees, with the covariance that the residuals tell.

Gauss and Newton over directions, weighted by Cauchy's loss and by how well each landmark is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpr_ros.geometry.cameras import Matrix
from vpr_ros.geometry.residuals import crosses, misses, moved, tangents
from vpr_ros.geometry.transforms import RelativePose, RigidTransform

_ROUNDS = 8
_STILL = 1e-4  # meters and radians; smaller steps end the search, each the square of the last
_KNEE = 2.0  # standard deviations from which Cauchy's loss counts residuals for less
_INLIER = 3.0  # standard deviations of a residual's length, 99 % of a chi of two dimensions
# Landmarks of one keyframe share errors, those of its pose and of its neighbors' poses: more of
# them than this tell nothing new. So chosen that errors on rendered drives are as foretold.
_INDEPENDENT = 40.0
_LEAST_VARIANCE = 0.3  # residuals are never taken to prove more exact keypoints than this


@dataclass(frozen=True)
class Sightings:
    """Landmarks and the directions in which a camera saw them; M of them."""

    rays: Matrix  # [M, 3] units in the camera's frame
    noise: float  # radians
    points: Matrix  # [M, 3] meters in the scene's frame
    covariances: Matrix  # [M, 3, 3] m^2

    def __len__(self) -> int:
        return len(self.rays)

    def taken(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Sightings:
        """Some of them."""
        return Sightings(self.rays[rows], self.noise, self.points[rows], self.covariances[rows])


@dataclass(frozen=True)
class Refined:
    """What came of it."""

    camera_T_scene: RelativePose
    inliers: NDArray[np.bool_]  # [M]
    is_determined: bool  # whether every direction and rotation is held by what was seen


def refined(sightings: Sightings, start: RigidTransform) -> Refined:
    """The pose in which the camera sees the landmarks where it saw them."""
    across = tangents(sightings.rays)
    pose = start
    for _ in range(_ROUNDS):
        normal, right, _, _ = _equations(sightings, across, pose)
        step: Matrix = np.asarray(np.linalg.lstsq(normal, right, rcond=1e-12)[0], np.float64)
        if not np.isfinite(step).all():
            break
        # No step may leave what the derivatives are good for.
        step /= max(1.0, float(np.linalg.norm(step[3:])) / 0.2)
        pose = moved(pose, step)
        if np.abs(step).max() < _STILL:
            break
    normal, _, errors, weights = _equations(sightings, across, pose)
    inliers = errors < _INLIER
    scales = np.sqrt(np.maximum(np.diag(normal), 1e-12))
    is_determined = bool(np.linalg.eigvalsh(normal / np.outer(scales, scales))[0] > 1e-9)
    inflation = _variance(errors[inliers], weights[inliers])
    inflation *= 1.0 + float(inliers.sum()) / _INDEPENDENT
    covariance = np.asarray(np.linalg.pinv(normal) * inflation, np.float64)
    return Refined(RelativePose(pose, covariance), inliers, is_determined)


def _variance(errors: Matrix, weights: Matrix) -> float:
    """How much larger than expected squared residuals are, by those that agree."""
    freedom = 2.0 * float(weights.sum()) - 6.0
    if freedom <= 0.0:
        return 1.0
    return max(_LEAST_VARIANCE, float((weights * errors**2).sum()) / freedom)


def _equations(
    sightings: Sightings, across: Matrix, pose: RigidTransform
) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Normal matrix [6, 6], right side [6], errors [M] in standard deviations, weights [M]."""
    turned = sightings.points @ pose.rotation.T
    residuals, by_point = misses(sightings.rays, across, turned + pose.translation)
    by_scene = by_point @ pose.rotation
    spread = by_scene @ sightings.covariances @ np.swapaxes(by_scene, -1, -2)
    spread += sightings.noise**2 * np.eye(2)
    information = np.linalg.inv(spread)
    errors = np.sqrt(np.einsum("mi,mij,mj->m", residuals, information, residuals))
    weights = np.nan_to_num(1.0 / (1.0 + (errors / _KNEE) ** 2))  # 0 for NaN: points behind
    by_pose = np.concatenate([by_point, -by_point @ crosses(turned)], axis=-1)
    weighted = np.swapaxes(by_pose, -1, -2) @ information * weights[:, None, None]
    normal = (weighted @ by_pose).sum(axis=0)
    right = -np.einsum("mij,mj->i", weighted, np.nan_to_num(residuals))
    return normal, right, np.nan_to_num(errors, nan=np.inf), weights
