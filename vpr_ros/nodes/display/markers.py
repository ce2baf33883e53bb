# SPDX-License-Identifier: Apache-2.0
"""A map and what is believed of the robot's place in it, as RViz shows them.

Keyframes lie where their poses say, in the frame of these poses; those without a pose are left out.
Drives whose poses have one frame but not one origin lie on top of each other, as their poses do.
"""

from __future__ import annotations

import colorsys
from functools import cached_property

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from vpr_ros.datatypes import KeyframeKey, Pose, Recognition, Verdict
from vpr_ros.geometry.transforms import RigidTransform
from vpr_ros.nodes.conversions import pose_to_message
from vpr_ros.pictures.match_picture import COLORS
from vpr_ros.place_map.keyframe_table import NO_FRAME, KeyframeTable, Numbers

BELIEFS = 20  # spheres at most: the keyframes that an answer names, and no more candidates
_SPACINGS = (0.1, 5.0)  # meters between keyframes that sizes are taken from, at least and at most
_MEASURED = (255, 230, 90)  # color of what was measured
_SIGMAS = 3.0  # to which the ellipsoid of a pose reaches
_THINNEST = 0.02  # meters of an ellipsoid, to be seen at all
_GOLDEN = 0.618  # steps of hue that keep neighbors apart however many there are


class MapMarkers:
    """The markers of one map; made when they are first asked for."""

    def __init__(self, table: KeyframeTable) -> None:
        """Take the keyframes of a map, which do not change any more."""
        self._table = table

    @cached_property
    def without_pose(self) -> int:
        """Keyframes that cannot be shown."""
        return int((self._table.frames == NO_FRAME).sum())

    def of_map(self) -> list[Marker]:
        """Everything that stays while the map does: the keyframes, and the path of each drive."""
        markers = []
        for number, drive in enumerate(self._drives):
            markers.append(self._stroke("keyframes", number, Marker.POINTS, drive, 0.4))
            if len(drive) > 1:  # RViz complains of a strip of one point
                markers.append(self._stroke("path", number, Marker.LINE_STRIP, drive, 0.15))
        return markers

    def of_answer(self, recognition: Recognition, stamp: Time) -> list[Marker]:
        """What an answer says; all of the last answer that this one does not say is deleted.

        Args:
            recognition: the answer.
            stamp: of its image.
        """
        spheres = [
            self._sphere(number, pose, weight, stamp)
            for number, (pose, weight) in enumerate(self._believed(recognition))
        ]
        gone = [_deleted("belief", number) for number in range(len(spheres), BELIEFS)]
        return [
            *spheres,
            *gone,
            self._match(recognition, stamp),
            *self._measured(recognition, stamp),
        ]

    def _believed(self, recognition: Recognition) -> list[tuple[Pose, float]]:
        """Poses with weights from 0 to 1: probabilities, or without a filter similarities."""
        weights = recognition.believed or tuple(
            (each.keyframe.key, each.similarity) for each in recognition.candidates
        )
        poses = [(self._pose(key), weight) for key, weight in weights]
        shown = [(pose, min(max(weight, 0.0), 1.0)) for pose, weight in poses if pose is not None]
        return sorted(shown, key=lambda each: -each[1])[:BELIEFS]

    def _match(self, recognition: Recognition, stamp: Time) -> Marker:
        """An arrow at the accepted keyframe that points where the robot looked from it."""
        first = recognition.candidates[0].keyframe if recognition.candidates else None
        if first is None or first.pose is None or recognition.verdict is not Verdict.ACCEPTED:
            return _deleted("match", 0)
        marker = _marker("match", 0, Marker.ARROW, first.pose.frame_id, stamp)
        marker.pose = pose_to_message(first.pose)
        length = 4.0 * self._spacing
        marker.scale = Vector3(x=length, y=0.25 * length, z=0.25 * length)
        marker.color = _color(COLORS[Verdict.ACCEPTED])
        return marker

    def _measured(self, recognition: Recognition, stamp: Time) -> list[Marker]:
        """The pose that was measured, and the ellipsoid in which it lies by its covariance."""
        estimate = recognition.pose
        if estimate is None:
            return [_deleted("pose", 0), _deleted("covariance", 0)]
        pose, length = estimate.map_T_base, 2.0 * self._spacing
        arrow = _marker("pose", 0, Marker.ARROW, pose.frame_id, stamp)
        arrow.pose = pose_to_message(pose)
        arrow.scale = Vector3(x=length, y=0.2 * length, z=0.2 * length)
        arrow.color = _color(_MEASURED)
        variances, axes = np.linalg.eigh(np.asarray(estimate.covariance[:3, :3], np.float64))
        if np.linalg.det(axes) < 0.0:  # a reflection is no orientation
            axes[:, 0] = -axes[:, 0]
        cloud = _marker("covariance", 0, Marker.SPHERE, pose.frame_id, stamp)
        cloud.pose = pose_to_message(RigidTransform(axes, np.array(pose.position)).as_pose(""))
        x, y, z = np.maximum(2.0 * _SIGMAS * np.sqrt(np.maximum(variances, 0.0)), _THINNEST)
        cloud.scale = Vector3(x=float(x), y=float(y), z=float(z))
        cloud.color = _color(_MEASURED, 0.3)
        return [arrow, cloud]

    def _sphere(self, number: int, pose: Pose, weight: float, stamp: Time) -> Marker:
        marker = _marker("belief", number, Marker.SPHERE, pose.frame_id, stamp)
        marker.pose.position = _point(pose)
        # The volume grows with the weight, and the color turns from blue to red.
        size = 3.0 * self._spacing * max(weight, 1e-3) ** (1.0 / 3.0)
        marker.scale = Vector3(x=size, y=size, z=size)
        marker.color = _color(_rgb(0.62 * (1.0 - weight), 0.85, 1.0), 0.2 + 0.5 * weight)
        return marker

    def _stroke(
        self, namespace: str, number: int, kind: int, drive: Numbers, width: float
    ) -> Marker:
        """All rows of a drive in one marker; ``width`` as a part of what lies between them."""
        frame = self._table.frame_name(int(self._table.frames[drive[0]]))
        marker = _marker(namespace, number, kind, frame, Time())
        marker.scale = Vector3(x=width * self._spacing, y=width * self._spacing)
        marker.color = _color(_rgb((0.55 + number * _GOLDEN) % 1.0, 0.5, 0.95))
        positions = self._table.positions[drive].tolist()
        marker.points = [Point(x=x, y=y, z=z) for x, y, z in positions]
        return marker

    def _pose(self, key: KeyframeKey) -> Pose | None:
        row = self._table.row_of(key)
        return None if row is None else self._table.pose(row)

    @cached_property
    def _drives(self) -> list[Numbers]:
        """The rows of each session that have a pose, one list for each of their frames."""
        rows = np.flatnonzero(self._table.frames != NO_FRAME)
        runs = np.stack([self._table.sessions[rows], self._table.frames[rows]])
        borders = np.flatnonzero((np.diff(runs, axis=1) != 0).any(axis=0)) + 1
        return [drive for drive in np.split(rows, borders) if len(drive)]

    @cached_property
    def _spacing(self) -> float:
        """Meters from one keyframe to the next, as a rule: what can be told apart."""
        positions = self._table.positions
        steps = [np.linalg.norm(np.diff(positions[d], axis=0), axis=1) for d in self._drives]
        every = np.concatenate([np.empty(0), *steps])
        low, high = _SPACINGS
        return min(max(float(np.median(every)), low), high) if len(every) else 1.0


def _marker(namespace: str, number: int, kind: int, frame: str, stamp: Time) -> Marker:
    """A marker to add or replace; one without a stamp holds at all times."""
    marker = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD)
    marker.header.frame_id, marker.header.stamp = frame, stamp
    marker.pose.orientation.w = 1.0
    return marker


def everything_deleted() -> Marker:
    """What clears the view of a map that is no longer in use."""
    return Marker(action=Marker.DELETEALL)


def _deleted(namespace: str, number: int) -> Marker:
    return Marker(ns=namespace, id=number, action=Marker.DELETE)


def _point(pose: Pose) -> Point:
    x, y, z = pose.position
    return Point(x=x, y=y, z=z)


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _color(rgb: tuple[int, int, int], alpha: float = 1.0) -> ColorRGBA:
    red, green, blue = (part / 255.0 for part in rgb)
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)
