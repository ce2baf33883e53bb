# SPDX-License-Identifier: Apache-2.0
"""Where exactly: the pose of the robot whose image was recognized, or why it is not known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from vpr_ros.blas_threads import blas_limit
from vpr_ros.config import PoseConfig
from vpr_ros.datatypes import (
    NO_POINTS,
    FloatArray,
    Frame,
    KeyframeKey,
    LocalFeatures,
    MeasuredTransform,
    PoseEstimate,
    Recognition,
    Verdict,
)
from vpr_ros.errors import ImageError
from vpr_ros.extractors.points import PointsOfFrames
from vpr_ros.geometry.cameras import UNKNOWN_LENS, CameraError
from vpr_ros.geometry.landmarks import NoLandmarksError
from vpr_ros.geometry.points import Sight
from vpr_ros.geometry.pose_solver import (
    MISSING,
    NoPoseError,
    Scene,
    Solution,
    is_available,
    solve,
)
from vpr_ros.geometry.transforms import RigidTransform
from vpr_ros.place_map import Map
from vpr_ros.route.landmark_cache import LandmarkCache
from vpr_ros.route.neighbors import camera_pose, mount_of

NOT_SURE = "no pose: the place is not sure"
_NEXT = 1  # keyframes to each side of the matched one whose landmarks are used
_SCENES = 4  # keyframes at most
_CLOSE = 8  # keyframes before or behind, over which odometry has not drifted yet


@dataclass(frozen=True)
class Located:
    """What became of a search for a pose."""

    pose: PoseEstimate | None = None
    reason: str = ""  # why there is no pose, in words
    is_tried: bool = False  # whether the image's points were asked for
    motion: MeasuredTransform | None = None  # from the query's camera to the matched keyframe's


class PoseFinder:
    """Measures poses in one map, or several that are searched as one."""

    def __init__(self, searched: Map, points: PointsOfFrames | None, config: PoseConfig) -> None:
        """Take what finds points in images; None: no pose is measured."""
        self._map, self._points, self._config = searched, points, config
        self._landmarks = LandmarkCache(searched)
        self._is_available = is_available()
        self._one_thread = blas_limit()

    def locate(self, recognition: Recognition, frame: Frame) -> Located:
        """The pose of the robot at an image, if that is accepted; nothing is computed otherwise.

        Raises:
            MapError: the map cannot be read.
        """
        if recognition.verdict is not Verdict.ACCEPTED or not recognition.candidates:
            return Located(reason=NOT_SURE)
        if self._points is None:
            return Located(reason="no pose: points = none")
        if not self._is_available:
            return Located(reason=f"no pose: {MISSING}")
        if frame.camera is None or not frame.camera.intrinsics:
            return Located(reason=f"no pose: {UNKNOWN_LENS}")
        keys = [candidate.keyframe.key for candidate in recognition.candidates]
        with self._one_thread():
            return self._measured(keys, frame, self._points)

    def _measured(self, keys: list[KeyframeKey], frame: Frame, points: PointsOfFrames) -> Located:
        try:
            # First what the map costs: one that has no landmarks spares the image its points.
            scenes = self._scenes(keys[0], keys[1:])
        except NoLandmarksError as error:
            return Located(reason=f"no pose: {error}")
        try:
            solution = solve(self._sight(points, frame), scenes, self._config)
        except (NoPoseError, CameraError, ImageError) as error:
            return Located(reason=f"no pose: {error}", is_tried=True)
        return self._located(keys[0], frame, solution)

    def _sight(self, points: PointsOfFrames, frame: Frame) -> Sight:
        found: LocalFeatures | None = points.of(frame)
        if found is None:
            raise NoPoseError("the image is not at hand")
        return Sight.of(found, frame.camera)

    def _scenes(self, matched: KeyframeKey, keys: list[KeyframeKey]) -> list[Scene]:
        """The landmarks of the matched keyframe, of those around it and of other candidates.

        Raises:
            NoLandmarksError: none of them has any; why the matched one has none.
        """
        scenes: list[Scene] = []
        adjusted: dict[KeyframeKey, RigidTransform] = {}
        missing = None
        try:
            landmarks = self._landmarks.of(matched)
            scenes.append(Scene(matched, landmarks, RigidTransform.identity()))
            adjusted = landmarks.view_T_anchor
        except NoLandmarksError as error:
            missing = error
        for key, transform in self._around(matched, keys, adjusted):
            if len(scenes) == _SCENES:
                break
            with suppress(NoLandmarksError):
                scenes.append(Scene(key, self._landmarks.of(key), transform))
        if not scenes and missing is not None:
            raise missing
        return scenes

    def _around(
        self,
        matched: KeyframeKey,
        keys: list[KeyframeKey],
        adjusted: dict[KeyframeKey, RigidTransform],
    ) -> Iterator[tuple[KeyframeKey, RigidTransform]]:
        """Other keyframes of the drive that see the place, with ``matched_T_other``.

        Those of other drives do not help: their frame is another one, or has drifted apart. Nor
        do those of another round of the same drive, a meter beside where they belong.
        """
        table, row = self._map.table, self._map.table.row_of(matched)
        here = None if row is None else self._camera_pose(row)
        if row is None or here is None:
            return
        near = sorted(table.rows_of(adjusted).tolist(), key=lambda other: abs(other - row))
        near = near[: 2 * _NEXT] or [row + n for n in range(-_NEXT, _NEXT + 1)]
        near += table.rows_of(keys).tolist()
        drive = table.drive_of(row)
        for other in dict.fromkeys(near):
            in_drive = drive.start <= other < drive.stop and 0 < abs(other - row) <= _CLOSE
            if not in_drive or table.frames[other] != table.frames[row]:
                continue
            key, there = table.key(other), self._camera_pose(other)
            if key in adjusted:
                yield key, adjusted[key].inverse()
            elif there is not None:
                motion = here.inverse() @ there
                if np.linalg.norm(motion.translation) <= self._config.max_distance:
                    yield key, motion

    def _camera_pose(self, row: int) -> RigidTransform | None:
        """``frame_T_optical`` of a keyframe, None without a pose."""
        table = self._map.table
        return camera_pose(table, row, mount_of(self._map.camera_of(table.key(row))))

    def _located(self, matched: KeyframeKey, frame: Frame, solution: Solution) -> Located:
        table, camera = self._map.table, self._map.camera_of(matched)
        row = table.row_of(matched)
        pose = None if row is None else table.pose(row)
        assert pose is not None  # landmarks were found around it
        map_T_scene = RigidTransform.of_pose(pose) @ mount_of(camera)
        robot = solution.scene_T_camera.carried_by(map_T_scene, mount_of(frame.camera))
        estimate = PoseEstimate(
            robot.transform.as_pose(pose.frame_id),
            np.asarray(robot.covariance, np.float32),
            solution.inliers,
            solution.keys,
            *_joined(solution, matched),
        )
        scene_T_camera = solution.scene_T_camera
        frame_id = "" if camera is None else camera.frame_id
        motion = MeasuredTransform(
            scene_T_camera.transform.as_pose(frame_id), scene_T_camera.covariance
        )
        return Located(estimate, "", True, motion)


def _joined(solution: Solution, matched: KeyframeKey) -> tuple[FloatArray, FloatArray]:
    """The points that the query shares with the matched keyframe, which may have no landmarks."""
    joined = solution.joined
    return (joined.query, joined.keyframe) if joined.key == matched else (NO_POINTS, NO_POINTS)
