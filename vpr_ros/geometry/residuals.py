# SPDX-License-Identifier: Apache-2.0
"""By what angle points miss the directions in which they were seen, and how that changes.

Residuals lie in the plane that touches the unit sphere at the direction seen: they are radians for
every lens, also beside and behind what a pinhole can show.
"""

from __future__ import annotations

import numpy as np

from vpr_ros.geometry.cameras import Matrix
from vpr_ros.geometry.transforms import RigidTransform

_NEAREST = 1e-6  # meters before the camera; nearer points have no direction


def tangents(rays: Matrix) -> Matrix:
    """Two unit vectors across each direction, [..., 2, 3] of directions [..., 3]."""
    # Crossed with the axis that lies farthest from it.
    axes = np.eye(3)[np.abs(rays).argmin(axis=-1)]
    first = np.cross(rays, axes)
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    return np.stack([first, np.cross(rays, first)], axis=-2)


def misses(rays: Matrix, across: Matrix, points: Matrix) -> tuple[Matrix, Matrix]:
    """Residuals and their derivatives by the points.

    Args:
        rays: directions seen, [..., 3].
        across: their ``tangents``, [..., 2, 3].
        points: in the camera's frame, [..., 3] meters.

    Returns:
        [..., 2] radians, NaN for points behind the direction; [..., 2, 3] radians per meter.
    """
    lengths = np.maximum(np.linalg.norm(points, axis=-1), _NEAREST)[..., None]
    units = points / lengths
    residuals = np.einsum("...ij,...j->...i", across, units)
    # The derivative of the unit vector takes out what lies along it.
    along = residuals[..., :, None] * units[..., None, :]
    derivatives = (across - along) / lengths[..., None]
    ahead = np.einsum("...i,...i->...", rays, units) > 0.0
    return np.where(ahead[..., None], residuals, np.nan), derivatives


def crosses(vectors: Matrix) -> Matrix:
    """The matrices that multiply by vectors as the cross product, [..., 3, 3] of [..., 3]."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return np.stack(rows, axis=-1).reshape(*vectors.shape, 3)


def moved(transform: RigidTransform, step: Matrix) -> RigidTransform:
    """A transform changed by a small error [6] as covariances have it: t + dt, exp(dr) R."""
    rotation = exponential(step[3:]) @ transform.rotation
    return RigidTransform(rotation, transform.translation + step[:3])


def difference(transform: RigidTransform, other: RigidTransform) -> Matrix:
    """The step [6] that ``moved`` takes from another transform to this one."""
    turn = logarithm(transform.rotation @ other.rotation.T)
    return np.concatenate([transform.translation - other.translation, turn])


def exponential(turn: Matrix) -> Matrix:
    """The rotation [3, 3] by a vector whose length is the angle (Rodrigues)."""
    angle = float(np.linalg.norm(turn))
    matrix = crosses(turn)
    if angle < 1e-8:
        return np.asarray(np.eye(3) + matrix)
    return np.asarray(
        np.eye(3)
        + np.sin(angle) / angle * matrix
        + (1.0 - np.cos(angle)) / angle**2 * matrix @ matrix
    )


def logarithm(rotation: Matrix) -> Matrix:
    """The vector [3] along a rotation's axis whose length is its angle, up to pi."""
    axis = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    sine, cosine = 0.5 * float(np.linalg.norm(axis)), 0.5 * (float(rotation.trace()) - 1.0)
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-6:
        return np.asarray(axis * (0.5 * angle / sine))
    if cosine > 0.0:
        return 0.5 * axis
    # Half a turn: the axis is in the symmetric part.
    column = int(np.diag(rotation).argmax())
    along = 0.5 * (rotation + np.eye(3))[:, column]
    return np.asarray(angle * along / max(float(np.linalg.norm(along)), 1e-12))
