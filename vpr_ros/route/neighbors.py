# SPDX-License-Identifier: Apache-2.0
"""The keyframes of one drive around one of its keyframes, and how its camera moved between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vpr_ros.datatypes import Camera, KeyframeKey
from vpr_ros.geometry.residuals import logarithm
from vpr_ros.geometry.transforms import LINK_T_OPTICAL, RigidTransform
from vpr_ros.place_map import KeyframeTable

_A_SIDE = 2  # neighbors before, and as many behind
_STEPS = 40  # keyframes that are looked at on each side
_APART = 0.25  # meters between two that are taken
_FAR = 8.0  # meters from the keyframe
_TURNED = 0.8  # radians; cameras that look farther apart share little


@dataclass(frozen=True)
class Neighbor:
    """A keyframe of the same camera in the same drive."""

    key: KeyframeKey
    neighbor_T_keyframe: RigidTransform  # between the camera's optical frames


def mount_of(camera: Camera | None) -> RigidTransform:
    """``base_T_optical``; a camera whose place nobody told is at the base and looks ahead.

    Where it is not, one that looks elsewhere sees no point again where odometry would have it, and
    finds no landmarks; one that only sits elsewhere is off by its lever arm where the robot turns.
    """
    if camera is None or camera.mount is None:
        return LINK_T_OPTICAL
    return RigidTransform.of_pose(camera.mount)


def camera_pose(table: KeyframeTable, row: int, mount: RigidTransform) -> RigidTransform | None:
    """``frame_T_optical`` of a keyframe, None without a pose."""
    pose = table.pose(row)
    return None if pose is None else RigidTransform.of_pose(pose) @ mount


def neighbors(table: KeyframeTable, row: int, mount: RigidTransform) -> list[Neighbor]:
    """Those before and behind a keyframe that saw its place from elsewhere, nearest first.

    Where the robot crept or stood, more keyframes are passed over, so that the way between those
    that are taken is not all too short.
    """
    here = camera_pose(table, row, mount)
    if here is None:
        return []
    drive = table.drive_of(row)
    sides = (range(row - 1, drive.start - 1, -1)[:_STEPS], range(row + 1, drive.stop)[:_STEPS])
    return [each for side in sides for each in _on_side(table, row, side, here, mount)]


def _on_side(
    table: KeyframeTable, row: int, side: range, here: RigidTransform, mount: RigidTransform
) -> Iterator[Neighbor]:
    places, taken = [here.translation], 0
    frames, cameras = table.frames, table.cameras
    for other in side:
        is_same = frames[other] == frames[row] and cameras[other] == cameras[row]
        there = camera_pose(table, other, mount) if is_same else None
        if there is None:
            continue
        way = np.linalg.norm(np.array(places) - there.translation, axis=1)
        if way[0] > _FAR or taken == _A_SIDE:
            return
        motion = there.inverse() @ here
        if way.min() >= _APART and np.linalg.norm(logarithm(motion.rotation)) < _TURNED:
            taken += 1
            places.append(there.translation)
            yield Neighbor(table.key(other), motion)
