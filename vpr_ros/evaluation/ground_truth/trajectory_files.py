# SPDX-License-Identifier: Apache-2.0
"""Trajectories as files: those of the TUM RGB-D benchmark and of KITTI odometry."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.drives.tracks import Track
from vpr_ros.errors import DatasetError, VprError
from vpr_ros.evaluation.table_files import read_lines
from vpr_ros.geometry.poses import PoseError, checked_pose
from vpr_ros.geometry.transforms import RigidTransform

FRAME = "map"

_LARGEST_FLAW = 1e-3  # of a rotation in a text file of few digits

# KITTI's left camera looks along z, with x to the right and y down. Here poses are of a robot that
# looks along x, with z up (REP 103).
_ROBOT_T_CAMERA = RigidTransform(
    np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3)
)


def read_tum(path: Path) -> Track:
    """Lines of ``stamp tx ty tz qx qy qz qw``: seconds, meters; ``#`` starts a comment.

    Sturm et al., A Benchmark for the Evaluation of RGB-D SLAM Systems, IROS 2012.

    Raises:
        DatasetError: it is missing, empty, a line is not like that, or stamps go back.
    """
    lines = _numbered_lines(path)
    track = [_tum_pose(line, f"{path}:{number}") for number, line in lines]
    return _ordered(path, track)


def read_kitti_times(path: Path, start_ns: int = 0) -> list[int]:
    """One line of seconds for each pose, as nanoseconds after ``start_ns``.

    Raises:
        DatasetError: it is missing, empty, or a line is no number.
    """
    return [start_ns + _nanoseconds(line, f"{path}:{n}") for n, line in _numbered_lines(path)]


def read_kitti(path: Path, stamps_ns: Sequence[int]) -> Track:
    """Lines of 12 numbers: the pose [3, 4] of the left camera in the first one's frame, by rows.

    Geiger, Lenz and Urtasun, Are We Ready for Autonomous Driving?, CVPR 2012. Poses come out as
    those of a robot that looks along x, with z up.

    Their stamps are those of the times file, or of the images, in their order.

    Raises:
        DatasetError: it is missing, empty, a line is not like that, or there are not as many poses
            as stamps.
    """
    poses = [_kitti_pose(line, f"{path}:{number}") for number, line in _numbered_lines(path)]
    if len(poses) != len(stamps_ns):
        raise DatasetError(
            f"{path}: {len(poses)} poses for {len(stamps_ns)} stamps: name the times file that "
            "belongs to it, or the whole sequence"
        )
    return _ordered(path, list(zip(stamps_ns, poses, strict=True)))


def transform_of(matrix: NDArray[np.float64]) -> RigidTransform:
    """The transform of a matrix [3, 4] or [4, 4].

    Raises:
        PoseError: a number is not finite, or the left part is no rotation.
    """
    rotation, translation = matrix[:3, :3], matrix[:3, 3]
    if not np.isfinite(matrix).all():
        raise PoseError("a transform that is not finite")
    flaw = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if flaw > _LARGEST_FLAW or np.linalg.det(rotation) < 0.0:
        raise PoseError("no rotation and translation")
    return RigidTransform(rotation, translation)


def _numbered_lines(path: Path) -> list[tuple[int, str]]:
    lines = read_lines(path)
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if not line.startswith("#")]
    if not numbered:
        raise DatasetError(f"{path}: empty")
    return numbered


def _tum_pose(line: str, where: str) -> tuple[int, Pose]:
    stamp, *texts = line.replace(",", " ").split()
    try:
        tx, ty, tz, qx, qy, qz, qw = map(float, texts)
        pose = checked_pose((tx, ty, tz), (qx, qy, qz, qw), FRAME)
    except (ValueError, VprError) as error:
        raise DatasetError(f"{where}: not 'stamp tx ty tz qx qy qz qw': {error}") from error
    return _nanoseconds(stamp, where), pose


def _kitti_pose(line: str, where: str) -> Pose:
    try:
        camera = transform_of(np.array([float(text) for text in line.split()]).reshape(3, 4))
    except (ValueError, VprError) as error:
        raise DatasetError(f"{where}: not the 12 numbers of a pose: {error}") from error
    return (_ROBOT_T_CAMERA @ camera @ _ROBOT_T_CAMERA.inverse()).as_pose(FRAME)


def _nanoseconds(text: str, where: str) -> int:
    """Exactly: a float of seconds since 1970 is a hundred nanoseconds off."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise DatasetError(f"{where}: stamp {text!r}: not seconds")
    return int(value * 10**9)


def _ordered(path: Path, track: list[tuple[int, Pose]]) -> Track:
    for index in range(1, len(track)):
        if track[index][0] < track[index - 1][0]:
            raise DatasetError(
                f"{path}: stamps go back after pose {index}: two recordings in one file, or "
                "stamps of two clocks"
            )
    return track
