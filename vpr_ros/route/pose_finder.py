# SPDX-License-Identifier: Apache-2.0
"""Where exactly: the pose of the robot whose image was recognized, or why it is not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vpr_ros.config import PoseConfig
from vpr_ros.datatypes import (
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
from vpr_ros.geometry.landmarks import Landmarks, NoLandmarksError
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
_NEXT = 2  # keyframes to each side of the matched one whose landmarks are used
_SCENES = 7  # keyframes at most


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
        try:
            # First what the map costs: one that has no landmarks spares the image its points.
            scenes = self._scenes(keys)
        except NoLandmarksError as error:
            return Located(reason=f"no pose: {error}")
        try:
            solution = solve(self._sight(self._points, frame), scenes, self._config)
        except (NoPoseError, CameraError, ImageError) as error:
            return Located(reason=f"no pose: {error}", is_tried=True)
        return self._located(keys[0], frame, solution)

    def _sight(self, points: PointsOfFrames, frame: Frame) -> Sight:
        found: LocalFeatures | None = points.of(frame)
        if found is None:
            raise NoPoseError("the image is not at hand")
        return Sight.of(found, frame.camera)

    def _scenes(self, keys: list[KeyframeKey]) -> list[Scene]:
        """The landmarks of the matched keyframe, of those around it and of other candidates."""
        matched = keys[0]
        landmarks = self._landmarks.of(matched)
        scenes = [Scene(matched, landmarks, RigidTransform.identity())]
        for key, transform in self._around(keys, landmarks):
            if len(scenes) == _SCENES:
                break
            try:
                scenes.append(Scene(key, self._landmarks.of(key), transform))
            except NoLandmarksError:
                continue
        return scenes

    def _around(
        self, keys: list[KeyframeKey], landmarks: Landmarks
    ) -> Iterator[tuple[KeyframeKey, RigidTransform]]:
        """Other keyframes of the drive that see the place, with ``matched_T_other``.

        Those of other drives do not help: their frame is another one, or has drifted apart.
        """
        table, row = self._map.table, self._map.table.row_of(keys[0])
        assert row is not None  # it has landmarks
        drive = next(drive for drive in table.drives if drive.start <= row < drive.stop)
        near = [row + step for n in range(1, _NEXT + 1) for step in (n, -n)]
        near += [other for key in keys[1:] if (other := table.row_of(key)) is not None]
        mount = mount_of(self._map.camera_of(keys[0]))
        here = camera_pose(table, row, mount)
        for other in dict.fromkeys(near):
            in_drive = drive.start <= other < drive.stop and other != row
            if not in_drive or table.frames[other] != table.frames[row]:
                continue
            key = table.key(other)
            if key in landmarks.view_T_anchor:
                yield key, landmarks.view_T_anchor[key].inverse()
            elif table.cameras[other] == table.cameras[row]:
                there = camera_pose(table, other, mount)
                if here is not None and there is not None:
                    motion = here.inverse() @ there
                    if np.linalg.norm(motion.translation) <= self._config.max_distance:
                        yield key, motion

    def _located(self, matched: KeyframeKey, frame: Frame, solution: Solution) -> Located:
        table, camera = self._map.table, self._map.camera_of(matched)
        row = table.row_of(matched)
        pose = None if row is None else table.pose(row)
        assert pose is not None  # it has landmarks
        map_T_scene = RigidTransform.of_pose(pose) @ mount_of(camera)
        robot = solution.scene_T_camera.carried_by(map_T_scene, mount_of(frame.camera))
        estimate = PoseEstimate(
            robot.transform.as_pose(pose.frame_id),
            np.asarray(robot.covariance, np.float32),
            solution.inliers,
            solution.keys,
        )
        scene_T_camera = solution.scene_T_camera
        frame_id = "" if camera is None else camera.frame_id
        motion = MeasuredTransform(
            scene_T_camera.transform.as_pose(frame_id), scene_T_camera.covariance
        )
        return Located(estimate, "", True, motion)
