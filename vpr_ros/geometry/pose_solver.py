# SPDX-License-Identifier: Apache-2.0
"""Where a camera is that sees known landmarks, or why that cannot be told.

LO-RANSAC over three-point poses (Persson and Nordberg's P3P, ECCV 2018; Chum et al., DAGM 2003) is
PoseLib's (Larsson, github.com/PoseLib/PoseLib); what it finds is refined here, over directions and
with what is known of each landmark, and refused where it does not hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.config import PoseConfig
from vpr_ros.datatypes import FloatArray, KeyframeKey
from vpr_ros.geometry.bundle import SCALE
from vpr_ros.geometry.cameras import Matrix
from vpr_ros.geometry.landmarks import Landmarks
from vpr_ros.geometry.points import Sight, matched
from vpr_ros.geometry.refinement import Refined, Sightings, refined
from vpr_ros.geometry.residuals import logarithm
from vpr_ros.geometry.transforms import RelativePose, RigidTransform

MISSING = "poselib is not installed: pip install poselib"

_RATIO = 0.92
_THRESHOLD = 6.0  # standard deviations of a direction, with the landmarks' in it
_SEED = 1
_STEEPEST = 0.2  # cosine of the angle to the axis from which a direction fits no plane at z = 1
_NEARBY = 5.0  # standard deviations around a landmark where its match is looked for again
_GUIDED_RATIO = 0.97
_LEAST_SPREAD = (
    0.02  # radians, of the directions of inliers in the image, across their longest line
)


_MAX_TURN_SIGMA = 0.05  # radians, about the least certain axis


def is_available() -> bool:
    """Whether the library is there that poses are sampled by."""
    try:
        _poselib()
    except NoPoseError:
        return False
    return True


class NoPoseError(Exception):
    """Why there is no pose, in words."""


@dataclass(frozen=True)
class Scene:
    """The landmarks of one keyframe, and where that stands beside the one that was matched."""

    key: KeyframeKey
    landmarks: Landmarks
    scene_T_anchor: RigidTransform  # the scene's frame is the matched keyframe's optical frame

    @cached_property
    def points(self) -> Matrix:
        """The landmarks in the scene's frame, [L, 3] meters."""
        turn = self.scene_T_anchor.rotation
        return np.asarray(self.landmarks.points @ turn.T + self.scene_T_anchor.translation)

    @cached_property
    def covariances(self) -> Matrix:
        """Theirs, [L, 3, 3] m^2."""
        turn = self.scene_T_anchor.rotation
        return np.asarray(turn @ self.landmarks.covariances @ turn.T)


@dataclass(frozen=True)
class Joined:
    """Points of two images that a pose rests on, as parts of their widths and heights."""

    key: KeyframeKey
    query: FloatArray  # [M, 2] (x, y)
    keyframe: FloatArray  # [M, 2] (x, y)


@dataclass(frozen=True)
class Solution:
    """A pose that was measured."""

    scene_T_camera: RelativePose
    inliers: int
    keys: tuple[KeyframeKey, ...]  # whose landmarks agree with it, most first
    joined: Joined  # of the first scene's keyframe


def solve(query: Sight, scenes: Sequence[Scene], limits: PoseConfig) -> Solution:
    """The pose of a camera in the frame of the keyframe that it was matched with.

    Raises:
        NoPoseError: it cannot be told, and why.
    """
    looks = [query.descriptors @ scene.landmarks.descriptors.T for scene in scenes]
    pairs = _Pairs.of(query, scenes, looks)
    _refuse_few(len(pairs.sightings), limits, "points match landmarks")
    start = _sampled(pairs.sightings)
    result = refined(pairs.sightings, start)
    _refuse_few(int(result.inliers.sum()), limits, "points agree with one pose")
    again = _Pairs.of(query, scenes, looks, result.camera_T_scene.transform)
    if len(again.sightings) >= int(result.inliers.sum()):
        pairs, result = again, refined(again.sightings, result.camera_T_scene.transform)
    count = int(result.inliers.sum())
    _refuse_few(count, limits, "points agree with one pose")
    _refuse_narrow(query, pairs, result)
    solution = _with_scale(result.camera_T_scene.inverse())
    _refuse_vague(solution, result, limits)
    _refuse_far(solution.transform, limits)
    keys = pairs.keys_of(result.inliers, scenes)
    return Solution(solution, count, keys, pairs.joined(query, scenes[0], result.inliers))


@dataclass(frozen=True)
class _Pairs:
    """Directions of the query and the landmarks that look like them, each direction once."""

    sightings: Sightings
    scenes: NDArray[np.intp]  # [M] numbers of the scenes
    rows: NDArray[np.intp]  # [M] of the query's points
    others: NDArray[np.intp]  # [M] of the scenes' landmarks

    @classmethod
    def of(
        cls,
        query: Sight,
        scenes: Sequence[Scene],
        looks: Sequence[FloatArray],
        guess: RigidTransform | None = None,
    ) -> _Pairs:
        """Pairs by their looks; with a guess of the pose, among those that it lets see each other.

        ``looks`` are the inner products of the descriptors, [N, L] for each scene.

        One point seen by several keyframes makes several landmarks, whose errors are others, and
        one direction in the query, whose error is one: the likest landmark stands for all.
        """
        found = [
            _pairs_of_scene(query, scene, likeness, guess)
            for scene, likeness in zip(scenes, looks, strict=True)
        ]
        rows, others, distances, points, covariances = map(np.concatenate, zip(*found, strict=True))
        numbers = np.repeat(np.arange(len(found)), [len(each[0]) for each in found])
        order = np.lexsort((distances, rows))
        first = np.append(True, np.diff(rows[order]) > 0)[: len(order)]
        kept = order[first]
        rows = rows[kept]
        sightings = Sightings(query.rays[rows], query.noise, points[kept], covariances[kept])
        return cls(sightings, numbers[kept], rows, others[kept])

    def keys_of(
        self, inliers: NDArray[np.bool_], scenes: Sequence[Scene]
    ) -> tuple[KeyframeKey, ...]:
        counts = np.bincount(self.scenes[inliers], minlength=len(scenes))
        order = np.argsort(-counts, kind="stable")
        return tuple(scenes[number].key for number in order if counts[number])

    def joined(self, query: Sight, first: Scene, inliers: NDArray[np.bool_]) -> Joined:
        """Where the query and the first scene's keyframe show the landmarks that agree."""
        chosen = inliers & (self.scenes == 0)
        places = first.landmarks.places[self.others[chosen]]
        return Joined(first.key, query.places[self.rows[chosen]], places)


def _pairs_of_scene(
    query: Sight, scene: Scene, likeness: FloatArray, guess: RigidTransform | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], Matrix, Matrix, Matrix]:
    """Rows of both, distances of the looks, points and covariances in the scene's frame."""
    allowed, ratio = None, _RATIO
    if guess is not None:
        allowed, ratio = _nearby(query, scene, guess), _GUIDED_RATIO
    rows, others = matched(likeness, ratio, allowed)
    distances = 1.0 - likeness[rows, others].astype(np.float64)
    return rows, others, distances, scene.points[others], scene.covariances[others]


def _nearby(query: Sight, scene: Scene, camera_T_scene: RigidTransform) -> NDArray[np.bool_]:
    """Which directions lie near which landmarks, [N, L]."""
    seen = scene.points @ camera_T_scene.rotation.T + camera_T_scene.translation
    depths = np.maximum(np.linalg.norm(seen, axis=1), 1e-6)
    chords = 2.0 - 2.0 * (query.rays @ (seen / depths[:, None]).T)
    largest = np.linalg.eigvalsh(scene.covariances)[:, -1]
    # Across the line of sight a landmark is known better than along it.
    radius = _NEARBY * query.noise + np.minimum(np.sqrt(largest) / depths, 2.0 * query.noise)
    return np.asarray(chords < radius * radius)


def _sampled(sightings: Sightings) -> RigidTransform:
    """The pose that most sightings agree with."""
    rays = sightings.rays
    ahead = rays[:, 2] > _STEEPEST
    if ahead.sum() < 4:
        raise NoPoseError("too few points lie before the camera")
    focal = 1.0 / sightings.noise  # one unit of the plane is then one standard deviation
    flat = rays[ahead, :2] / rays[ahead, 2:] * focal
    camera = {"model": "SIMPLE_PINHOLE", "width": -1, "height": -1, "params": [focal, 0.0, 0.0]}
    options = {
        "max_reproj_error": _THRESHOLD,
        "max_error": _THRESHOLD,
        "seed": _SEED,
        "max_iterations": 3000,
        "min_iterations": 200,
        "success_prob": 0.9999,
    }
    pose, facts = _poselib().estimate_absolute_pose(
        flat, sightings.points[ahead], camera, options, {}
    )
    rotation, translation = np.array(pose.R), np.array(pose.t)
    if not (facts["num_inliers"] >= 4 and np.isfinite(rotation).all()):
        raise NoPoseError("no pose lets the points be seen where they are")
    if not np.isfinite(translation).all():
        raise NoPoseError("no pose lets the points be seen where they are")
    return RigidTransform(rotation, translation)


def _poselib() -> Any:
    try:
        import poselib
    except ImportError:
        raise NoPoseError(MISSING) from None
    return poselib


def _with_scale(pose: RelativePose) -> RelativePose:
    """The same as unsure as odometry's meters are: by a part of the way from the keyframe."""
    covariance = pose.covariance.copy()
    way = pose.transform.translation
    covariance[:3, :3] += SCALE**2 * np.outer(way, way)
    return RelativePose(pose.transform, covariance)


def _refuse_few(count: int, limits: PoseConfig, what: str) -> None:
    if count < limits.min_inliers:
        raise NoPoseError(f"only {count} {what}, not {limits.min_inliers}")


def _refuse_narrow(query: Sight, pairs: _Pairs, result: Refined) -> None:
    """Directions on one line, or in one spot, hold no pose, however many they are."""
    rays = pairs.sightings.rays[result.inliers]
    spread = math.sqrt(max(float(np.linalg.eigvalsh(np.cov(rays.T))[1]), 0.0))
    if spread < max(_LEAST_SPREAD, 5.0 * query.noise):
        raise NoPoseError("the points that agree lie in one line or one spot of the image")


def _refuse_vague(pose: RelativePose, result: Refined, limits: PoseConfig) -> None:
    if not (result.is_determined and np.isfinite(pose.covariance).all()):
        raise NoPoseError("what was seen does not hold a pose: too little spread, or too far away")
    sigmas = [
        math.sqrt(max(float(np.linalg.eigvalsh(block)[-1]), 0.0))
        for block in (pose.covariance[:3, :3], pose.covariance[3:, 3:])
    ]
    if sigmas[0] > limits.max_sigma:
        raise NoPoseError(
            f"what was seen is too far away or too little spread: {sigmas[0]:.2f} m unsure"
        )
    if sigmas[1] > _MAX_TURN_SIGMA:
        raise NoPoseError(f"what was seen is too little spread: {sigmas[1]:.2f} rad unsure")


def _refuse_far(pose: RigidTransform, limits: PoseConfig) -> None:
    way = float(np.linalg.norm(pose.translation))
    turn = float(np.linalg.norm(logarithm(pose.rotation)))
    if way > limits.max_distance or turn > limits.max_angle:
        raise NoPoseError(
            f"the pose lies {way:.1f} m and {math.degrees(turn):.0f} degrees from the keyframe"
        )
