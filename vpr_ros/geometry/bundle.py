# SPDX-License-Identifier: Apache-2.0
"""Points and the cameras that saw them, adjusted together (Triggs et al., 1999).

The poses of odometry give meters; where points are seen again gives everything else, held by what
odometry says within its errors: it knows a wheel's way to some percent, but a car nods, and half a
degree of that is more than any keypoint misses by.

Shapes: N points of a keyframe, the anchor; V neighbors, the views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import KeyframeKey
from vpr_ros.geometry.cameras import Matrix
from vpr_ros.geometry.points import Sight, matched
from vpr_ros.geometry.residuals import crosses, difference, misses, moved, tangents
from vpr_ros.geometry.transforms import RigidTransform

Flags = NDArray[np.bool_]

# What odometry between neighboring keyframes is good for, standard deviations.
SCALE = 0.02  # of the way
_SLIP = 0.01  # meters
_NOD = 0.01  # radians

_RATIO = 0.85
_MARGIN = 0.012  # radians that a match may lie beside its epipolar plane
_ENOUGH = 12  # matches by looks alone that tell whether odometry is right about the way
_HONEST = 0.6  # part of them that then lies near the epipolar planes
_SLIPPED = 22.5  # squared distance to odometry, the 99.9 % quantile of chi-square(6)
_OUTLIER = 3.5  # standard deviations of a direction


@dataclass(frozen=True)
class View:
    """A neighbor's image of the place."""

    key: KeyframeKey
    sight: Sight
    view_T_anchor: RigidTransform  # between the optical frames, by odometry


@dataclass(frozen=True)
class Bundle:
    """Points, the poses of views, and the directions in which these saw those."""

    rows: NDArray[np.intp]  # [N] of the anchor's points
    points: Matrix  # [N, 3] in the anchor's frame
    rays: Matrix  # [V + 1, N, 3] the anchor's first
    across: Matrix  # [V + 1, N, 2, 3]
    seen: Flags  # [V + 1, N]
    noise: Matrix  # [V + 1] radians
    transforms: tuple[RigidTransform, ...]  # [V] view_T_anchor
    odometry: tuple[RigidTransform, ...]  # [V] likewise, as it was

    @classmethod
    def of(cls, anchor: Sight, views: Sequence[View]) -> Bundle:
        """The points that at least one view shows, where all directions come nearest."""
        count = len(anchor)
        rays = np.tile(anchor.rays, (len(views) + 1, 1, 1))
        seen = np.zeros((len(views) + 1, count), bool)
        seen[0] = True
        for number, view in enumerate(views, start=1):
            left, right = _matches(anchor, view)
            rays[number, left] = view.sight.rays[right]
            seen[number, left] = True
        transforms = tuple(view.view_T_anchor for view in views)
        noise = np.array([anchor.noise, *(view.sight.noise for view in views)])
        points = _nearest(rays, seen, transforms)
        bundle = cls(
            np.arange(count), points, rays, tangents(rays), seen, noise, transforms, transforms
        )
        again = np.asarray(seen[1:].any(axis=0), np.bool_)
        return bundle.taken(again & np.isfinite(points).all(axis=1))

    def adjusted(self) -> Bundle:
        """One step of Gauss and Newton over points and views, the points eliminated."""
        normal = _Normal.of(self)
        steps = normal.step_of_views()
        transforms = tuple(moved(T, step) for T, step in zip(self.transforms, steps, strict=True))
        points = self.points + normal.step_of_points(steps)
        return replace(self, transforms=transforms, points=points)

    def without_outliers(self) -> Bundle:
        """The same without directions that miss, and without points that are seen once then."""
        residuals, _ = self.residuals()
        errors = np.linalg.norm(residuals, axis=-1) / self.noise[:, None]
        seen = self.seen & (errors < _OUTLIER)  # not so for NaN
        bundle = replace(self, seen=seen)
        finite = np.asarray(np.isfinite(self.points).all(axis=1), np.bool_)
        again = np.asarray(seen[1:].any(axis=0), np.bool_)
        return bundle.taken(seen[0] & again & finite)

    def slipped(self) -> int | None:
        """The view that contradicts odometry most, None where all stand within its errors.

        Wheels slip, and poses jump: such a neighbor's meters are wrong.
        """
        distances = []
        for now, before in zip(self.transforms, self.odometry, strict=True):
            step = difference(now, before)
            distances.append(float(step @ odometry_information(before) @ step))
        worst = int(np.argmax(distances))
        return worst if not distances[worst] < _SLIPPED else None

    def covariances(self) -> Matrix:
        """Of the points, with the uncertainty of the views in it, [N, 3, 3]."""
        return _Normal.of(self).covariances()

    def residuals(self) -> tuple[Matrix, Matrix]:
        """Residuals [V + 1, N, 2] and derivatives by points in the views' frames."""
        return misses(self.rays, self.across, self.in_views())

    def in_views(self) -> Matrix:
        """The points in each view's frame, [V + 1, N, 3]."""
        theirs = [self.points @ T.rotation.T + T.translation for T in self.transforms]
        return np.stack([self.points, *theirs])

    def taken(self, good: Flags) -> Bundle:
        """Some of the points."""
        return replace(
            self,
            rows=self.rows[good],
            points=self.points[good],
            rays=self.rays[:, good],
            across=self.across[:, good],
            seen=self.seen[:, good],
        )


@dataclass(frozen=True)
class _Normal:
    """The normal equations of a bundle; only the views' blocks are dense."""

    points: Matrix  # [N, 3, 3] inverse of the points' blocks
    mixed: Matrix  # [V, N, 6, 3]
    views: Matrix  # [6 V, 6 V] the points eliminated
    right_points: Matrix  # [N, 3]
    right_views: Matrix  # [V, 6]

    @classmethod
    def of(cls, bundle: Bundle) -> _Normal:
        residuals, by_point = bundle.residuals()
        weights = _weights(residuals, bundle.seen, bundle.noise)
        residuals = np.nan_to_num(residuals)
        rotations = np.stack([np.eye(3), *(T.rotation for T in bundle.transforms)])
        by_anchor = by_point @ rotations[:, None]  # [V + 1, N, 2, 3]
        turned = np.einsum("vij,nj->vni", rotations[1:], bundle.points)
        by_view = np.concatenate([by_point[1:], -by_point[1:] @ crosses(turned)], axis=-1)
        weighted = by_anchor * weights[..., None, None]
        blocks = np.einsum("vnki,vnkj->nij", weighted, by_anchor)
        # A point that only two directions hold may slide along both: that must not be singular.
        blocks += 1e-6 * np.eye(3)
        right_points = -np.einsum("vnki,vnk->ni", weighted, residuals)
        own = by_view * weights[1:, :, None, None]
        mixed = np.einsum("vnki,vnkj->vnij", own, by_anchor[1:])
        inverse = np.linalg.inv(blocks)
        right_views = -np.einsum("vnki,vnk->vi", own, residuals[1:])
        views = cls._prior(bundle, right_views, np.einsum("vnki,vnkj->vij", own, by_view))
        views -= _side_by_side(mixed @ inverse) @ _side_by_side(mixed).T
        return cls(inverse, mixed, views, right_points, right_views)

    @staticmethod
    def _prior(bundle: Bundle, right: Matrix, own: Matrix) -> Matrix:
        """What odometry says, added to the right side, and to the views' blocks as one matrix."""
        count = len(own)
        views = np.zeros((count, 6, count, 6))
        for number, (now, before) in enumerate(
            zip(bundle.transforms, bundle.odometry, strict=True)
        ):
            information = odometry_information(before)
            views[number, :, number] = own[number] + information
            right[number] -= information @ difference(now, before)
        return views.reshape(6 * count, 6 * count)

    def step_of_views(self) -> Matrix:
        """Steps of the views, [V, 6]."""
        right = self.right_views - np.einsum(
            "vnij,njk,nk->vi", self.mixed, self.points, self.right_points
        )
        solved = np.linalg.solve(self.views, right.ravel())
        return np.asarray(solved.reshape(-1, 6))

    def step_of_points(self, steps: Matrix) -> Matrix:
        """Steps of the points where the views took theirs, [N, 3]."""
        right = self.right_points - np.einsum("vnij,vi->nj", self.mixed, steps)
        return np.asarray(np.einsum("nij,nj->ni", self.points, right))

    def covariances(self) -> Matrix:
        """Of the points, [N, 3, 3]."""
        folded = _side_by_side(self.mixed @ self.points)
        spread = np.linalg.solve(self.views, folded)
        rows = folded.shape[0]
        folded, spread = folded.reshape(rows, -1, 3), spread.reshape(rows, -1, 3)
        return np.asarray(self.points + np.einsum("rna,rnb->nab", folded, spread))


def _side_by_side(blocks: Matrix) -> Matrix:
    """Blocks [V, N, 6, 3] as one matrix [6 V, 3 N], which multiplies a hundred times as fast."""
    views, count = blocks.shape[:2]
    return np.asarray(blocks.transpose(0, 2, 1, 3).reshape(6 * views, 3 * count))


def odometry_information(view_T_anchor: RigidTransform) -> Matrix:
    """How firmly odometry holds the motion between two keyframes, inverse covariance [6, 6]."""
    way = float(np.linalg.norm(view_T_anchor.translation))
    sigma = np.repeat([SCALE * way + _SLIP, _NOD], 3)
    return np.diag(sigma**-2.0)


def _matches(anchor: Sight, view: View) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of points that look alike and lie near one epipolar plane.

    Where most that look alike do not lie near it, odometry is wrong about the way to this view:
    then those that happen to would be wrong, too.
    """
    motion = view.view_T_anchor
    normals = np.cross(motion.translation, anchor.rays @ motion.rotation.T)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    beside = np.abs(normals @ view.sight.rays.T) < _MARGIN
    likeness = anchor.descriptors @ view.sight.descriptors.T
    left, right = matched(likeness, _RATIO)
    if len(left) >= _ENOUGH and beside[left, right].mean() < _HONEST:
        nothing = np.empty(0, np.intp)
        return nothing, nothing
    return matched(likeness, _RATIO, beside)


def _nearest(rays: Matrix, seen: Flags, transforms: Sequence[RigidTransform]) -> Matrix:
    """Where the lines of sight come nearest to each other, [N, 3]; NaN if that is behind one."""
    count = rays.shape[1]
    total, right = np.zeros((count, 3, 3)), np.zeros((count, 3))
    lines = []
    for number, view_T_anchor in enumerate((RigidTransform.identity(), *transforms)):
        back = view_T_anchor.inverse()
        units, center = rays[number] @ back.rotation.T, back.translation
        across = np.eye(3) - units[:, :, None] * units[:, None, :]
        across *= seen[number][:, None, None]
        total += across
        right += across @ center
        lines.append((units, center))
    # Parallel lines meet far away, not nowhere.
    points = np.linalg.solve(total + 1e-6 * np.eye(3), right[..., None])[..., 0]
    for number, (units, center) in enumerate(lines):
        behind = np.einsum("ni,ni->n", points - center, units) <= 0.0
        points[behind & seen[number]] = np.nan
    return np.asarray(points)


def _weights(residuals: Matrix, seen: Flags, noise: Matrix) -> Matrix:
    """What residuals count, [V + 1, N]: Cauchy's weight over the variance, 0 where not seen."""
    errors = np.linalg.norm(residuals, axis=-1) / (2.0 * noise[:, None])
    weights = 1.0 / ((1.0 + errors * errors) * noise[:, None] ** 2)
    return np.where(seen & np.isfinite(weights), np.nan_to_num(weights), 0.0)
