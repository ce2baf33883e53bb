# SPDX-License-Identifier: Apache-2.0
"""Poses: checked, compared, interpolated to an image's stamp and never extrapolated."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Pose
from vpr_ros.errors import VprError


class PoseError(VprError):
    """A pose that no robot can have."""


def checked_pose(position: tuple[float, ...], orientation: tuple[float, ...], frame: str) -> Pose:
    """A pose with a unit quaternion.

    Args:
        position: x, y, z in meters.
        orientation: quaternion x, y, z, w of any length but zero.
        frame: the frame the pose is given in.

    Raises:
        PoseError: a number is NaN or infinite, or the quaternion is zero.
    """
    if not all(math.isfinite(value) for value in (*position, *orientation)):
        raise PoseError(f"pose in {frame!r} is not finite: {position} {orientation}")
    norm = math.hypot(*orientation)
    if norm < 1e-6:
        raise PoseError(f"pose in {frame!r} has a zero quaternion: is it filled in?")
    if math.isinf(norm):
        raise PoseError(f"pose in {frame!r} has a quaternion too long to normalize: {orientation}")
    x, y, z, w = (value / norm for value in orientation)
    return Pose((position[0], position[1], position[2]), (x, y, z, w), frame)


def distance(left: Pose, right: Pose) -> float:
    """Meters between two poses of one frame."""
    return math.dist(left.position, right.position)


def angle(left: Pose, right: Pose) -> float:
    """Radians of the smallest rotation between two orientations, 0 to pi."""
    dot = abs(sum(a * b for a, b in zip(left.orientation, right.orientation, strict=True)))
    return 2.0 * math.acos(min(1.0, dot))


def interpolated(before: Pose, after: Pose, fraction: float) -> Pose:
    """Linear in position, the shorter great arc in orientation (Shoemake, SIGGRAPH 1985)."""
    rows = np.array([(*pose.position, *pose.orientation) for pose in (before, after)])
    mixed = _mixed(rows[:1], rows[1:], np.array([[fraction]]))[0].tolist()
    return checked_pose(tuple(mixed[:3]), tuple(mixed[3:]), before.frame_id)


class PosePath:
    """A trajectory that is asked for many stamps at once; N poses.

    It begins anew where the frame changes or the stamps jump back by more than the gap; poses that
    come late are left out, and of two of one stamp the later one counts.
    """

    def __init__(self, path: Sequence[tuple[int, Pose]], max_gap: float) -> None:
        """Take (stamp in nanoseconds, pose); gaps of more than ``max_gap`` seconds stay gaps."""
        self.frame_id = path[-1][1].frame_id if path else ""
        self._max_gap_ns = round(max_gap * 1e9)
        other = [n for n, (_, pose) in enumerate(path) if pose.frame_id != self.frame_id]
        path = path[other[-1] + 1 if other else 0 :]
        stamps = np.array([stamp for stamp, _ in path], np.int64)
        poses = np.array([(*p.position, *p.orientation) for _, p in path]).reshape(-1, 7)
        rows = _ascending(stamps, self._max_gap_ns)
        self._stamps_ns, self._poses = stamps[rows], poses[rows]

    def at(self, stamps_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Position and quaternion at each stamp [M], [M, 7]; NaN where no two poses enclose it."""
        poses = np.full((len(stamps_ns), 7), np.nan)
        after = np.searchsorted(self._stamps_ns, stamps_ns)
        inside = np.flatnonzero(after < len(self._stamps_ns))
        after = after[inside]
        exact = self._stamps_ns[after] == stamps_ns[inside]
        poses[inside[exact]] = self._poses[after[exact]]
        between = ~exact & (after > 0)
        inside, after = inside[between], after[between]
        gaps = self._stamps_ns[after] - self._stamps_ns[after - 1]
        close = gaps <= self._max_gap_ns
        inside, after, gaps = inside[close], after[close], gaps[close]
        fractions = (stamps_ns[inside] - self._stamps_ns[after - 1]) / gaps
        poses[inside] = _mixed(self._poses[after - 1], self._poses[after], fractions[:, None])
        return poses


def _ascending(stamps: NDArray[np.int64], max_gap_ns: int) -> NDArray[np.int64]:
    """Numbers of the stamps that count, ascending."""
    start = 0
    while True:
        newest = np.maximum.accumulate(stamps[start:])
        jumps = np.flatnonzero(stamps[start + 1 :] < newest[:-1] - max_gap_ns)
        if not len(jumps):
            break
        start += int(jumps[0]) + 1
    on_time = np.flatnonzero(stamps[start:] == newest) + start
    last = np.append(stamps[on_time][1:] != stamps[on_time][:-1], True)[: len(on_time)]
    return np.asarray(on_time[last])


def _mixed(
    before: NDArray[np.float64], after: NDArray[np.float64], fractions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """As ``interpolated``, for poses [M, 7] and fractions [M, 1]."""
    q0, q1 = before[:, 3:], after[:, 3:]
    dot = np.sum(q0 * q1, axis=1, keepdims=True)
    q1, dot = np.where(dot < 0.0, -q1, q1), np.abs(dot)
    half = np.arccos(np.minimum(1.0, dot))
    near = half < 1e-6
    left = np.where(near, 1.0 - fractions, np.sin((1.0 - fractions) * half))
    right = np.where(near, fractions, np.sin(fractions * half))
    mixed = left * q0 + right * q1
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    return np.hstack([before[:, :3] + fractions * (after[:, :3] - before[:, :3]), mixed])
