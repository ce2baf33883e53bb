# SPDX-License-Identifier: Apache-2.0
"""How far measured poses are from the true ones, and whether they know it.

A map's frame is that of the odometry that made it, which drifts: a pose is held against the truth
as seen from the matched keyframe, whose true pose is known as well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import KeyframeKey, Pose, PoseEstimate, Recognition, Verdict
from vpr_ros.evaluation.metrics.localization import BUCKETS, Errors, error_percentiles
from vpr_ros.geometry.residuals import difference
from vpr_ros.geometry.transforms import RigidTransform

Reals = NDArray[np.float64]
PoseOf = Callable[[KeyframeKey], Pose | None]  # in the map
PoseAt = Callable[[int], Pose | None]  # the true one at a stamp

PERCENTS = (50.0, 90.0, 99.0)
# Quantile 0.99 of chi-square with six degrees of freedom: a pose whose covariance is right has a
# normalized error squared beyond it once in a hundred times (Bar-Shalom, Li and Kirubarajan,
# Estimation with Applications to Tracking and Navigation, section 5.4).
CHI_SQUARE_99 = 16.812


@dataclass(frozen=True)
class PoseErrors:
    """The poses of a drive's accepted answers, judged."""

    accepted: int  # answers that could have a pose
    measured: int  # of these: that have one
    errors: Errors  # [M] of those whose truth is known
    normalized: Reals  # [M] errors squared, by the covariances that were told
    reasons: Mapping[str, int]  # why the others have none, the most frequent first
    placed: Sequence[Pose | None] = ()  # [Q] measured poses in the frame of the truth

    @property
    def buckets(self) -> tuple[float, ...]:
        """Parts of the judged poses within each of ``BUCKETS``; NaN if there are none."""
        errors = self.errors
        within = [(errors.distances <= m) & (errors.angles <= r) for m, r in BUCKETS]
        return tuple(float(each.mean()) if len(each) else math.nan for each in within)

    @property
    def consistent(self) -> float:
        """Part of the judged poses within the 99 % quantile of their covariance; NaN if none."""
        if not len(self.normalized):
            return math.nan
        return float((self.normalized <= CHI_SQUARE_99).mean())

    @property
    def percentiles(self) -> tuple[Reals, Reals]:
        """(Meters, radians) at each of ``PERCENTS``; NaN if there are none."""
        if not len(self.normalized):
            nothing = np.full(len(PERCENTS), math.nan)
            return nothing, nothing
        return error_percentiles(self.errors, PERCENTS)

    def to_json(self) -> dict[str, Any]:
        """All numbers as ``json.dumps`` takes them; NaN becomes None."""
        meters, radians = self.percentiles
        names = [f"{percent:g}" for percent in PERCENTS]
        limits = [f"{m:g} m, {math.degrees(r):g} degrees" for m, r in BUCKETS]
        return {
            "accepted": self.accepted,
            "measured": self.measured,
            "judged": len(self.normalized),
            "meters": dict(zip(names, map(_known, meters.tolist()), strict=True)),
            "degrees": dict(zip(names, map(_known, np.degrees(radians).tolist()), strict=True)),
            "within": dict(zip(limits, map(_known, self.buckets), strict=True)),
            "consistent": _known(self.consistent),
            "reasons": dict(self.reasons),
        }


def pose_errors(
    answers: Sequence[Recognition | None], pose_of: PoseOf, map_pose: PoseAt, query_pose: PoseAt
) -> PoseErrors:
    """Judge the poses of a drive's answers.

    Args:
        answers: [Q] of the localizer; None for images that could not be described.
        pose_of: gives a keyframe's pose in the map.
        map_pose: gives the true pose of the map's drive at a stamp, None where it is unknown.
        query_pose: the same of the judged drive.
    """
    accepted = [each for each in answers if each and each.verdict is Verdict.ACCEPTED]
    rows = []
    for answer in accepted:
        world_T_map, true_pose = (
            _world_T_map(answer, pose_of, map_pose),
            query_pose(answer.stamp_ns),
        )
        if answer.pose is not None and world_T_map is not None and true_pose is not None:
            map_T_base = world_T_map.inverse() @ RigidTransform.of_pose(true_pose)
            rows.append(_error(answer.pose, map_T_base))
    distances, angles, normalized = np.array(rows, float).reshape(-1, 3).T
    missing = [each.pose_reason for each in accepted if each.pose is None]
    reasons = Counter(reason for reason in missing if reason)
    return PoseErrors(
        len(accepted),
        sum(each.pose is not None for each in accepted),
        Errors(distances, angles),
        normalized,
        dict(reasons.most_common()),
        tuple(_placed(each, pose_of, map_pose) for each in answers),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _world_T_map(answer: Recognition, pose_of: PoseOf, map_pose: PoseAt) -> RigidTransform | None:
    """Where the map's odometry put its frame when it passed the match."""
    match = answer.candidates[0].keyframe
    told, true_pose = pose_of(match.key), map_pose(match.stamp_ns)
    if told is None or true_pose is None:
        return None
    return RigidTransform.of_pose(true_pose) @ RigidTransform.of_pose(told).inverse()


def _placed(answer: Recognition | None, pose_of: PoseOf, map_pose: PoseAt) -> Pose | None:
    if answer is None or answer.pose is None:
        return None
    world_T_map = _world_T_map(answer, pose_of, map_pose)
    measured = RigidTransform.of_pose(answer.pose.map_T_base)
    return None if world_T_map is None else (world_T_map @ measured).as_pose("")


def _error(estimate: PoseEstimate, true_pose: RigidTransform) -> tuple[float, float, float]:
    """Meters, radians, and the error squared, normalized by the covariance."""
    error = difference(RigidTransform.of_pose(estimate.map_T_base), true_pose)
    covariance = np.asarray(estimate.covariance, np.float64)
    normalized = float(error @ np.linalg.solve(covariance, error))
    return float(np.linalg.norm(error[:3])), float(np.linalg.norm(error[3:])), normalized
