# SPDX-License-Identifier: Apache-2.0
"""Learning a route: which images become keyframes, and when the map is made durable."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vpr_ros.calibration import Calibrator, Stop, never
from vpr_ros.config import KeyframeConfig
from vpr_ros.datatypes import Features, Frame, Keyframe, KeyframeKey
from vpr_ros.errors import ImageError
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.extractors.points import PointsOfFrames
from vpr_ros.geometry.poses import angle, distance
from vpr_ros.images import encode_jpeg, shrink
from vpr_ros.place_map import PlaceMap
from vpr_ros.place_map.constant_parts import ConstantParts


@dataclass(frozen=True)
class Kept:
    """A frame that became a keyframe."""

    key: KeyframeKey
    keyframe: Keyframe


class MapBuilder:
    """Appends the frames of one drive to a map, as a session of its own.

    Each of several cameras keeps its own distance between keyframes: they look different ways.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        place_map: PlaceMap,
        config: KeyframeConfig,
        calibrator: Calibrator | None = None,
        points: PointsOfFrames | None = None,
    ) -> None:
        """Begin.

        Args:
            extractor: describes images.
            place_map: grows.
            config: which images become keyframes.
            calibrator: without one, what scores are worth is left to those who localize.
            points: finds points for geometry; without it, keyframes get none.
        """
        self._extractor = extractor
        self._map = place_map
        self._config = config
        self._calibrator = calibrator
        self._points = points
        self._last: dict[str, Keyframe] = {}  # of each camera
        self._constant: dict[str, ConstantParts] = {}  # of each camera
        self._committed_ns: int | None = None

    def offer(self, frame: Frame, features: Features | None = None) -> Kept | None:
        """Keep the frame if the robot moved, turned or sees enough that is new.

        With a pose, a frame that is not kept costs nothing: it is not even described.

        Args:
            frame: the image and what is known of it.
            features: of the image, if it was described already.

        Returns:
            The new keyframe, or None.

        Raises:
            ImageError: the image cannot be described.
            MapError: the map cannot be written; what was committed is safe.
        """
        moved = self._moved(frame)
        if moved is False:
            self._commit_when_due(frame.stamp_ns)
            return None
        features = features or described(self._extractor, frame)
        if moved is None and not self._looks_new(features, frame.source):
            self._commit_when_due(frame.stamp_ns)
            return None
        return self._keep(frame, features)

    def save(self) -> None:
        """Make everything so far durable.

        Raises:
            MapError: the map cannot be written; what was committed before is safe.
        """
        self._map.commit()

    def finish(self, stop: Stop = never) -> None:
        """Make everything so far durable, then let the map learn what its scores are worth.

        Args:
            stop: asked now and then whether that learning should end; a map that did not get
                through is no worse, only slower to open.

        Raises:
            MapError: the map cannot be written; what was committed before is safe.
            BackendError: the device that compares keyframes failed.
        """
        self.save()
        if self._calibrator is not None:
            self._calibrator.keep(self._map, stop)

    def _moved(self, frame: Frame) -> bool | None:
        """Whether the robot moved or turned enough; None where poses cannot tell."""
        last, pose = self._last.get(frame.source), frame.pose
        if last is None:
            return True
        if pose is None or last.pose is None or pose.frame_id != last.pose.frame_id:
            return None
        far = distance(pose, last.pose) >= self._config.distance
        return far or angle(pose, last.pose) >= self._config.angle

    def _looks_new(self, features: Features, source: str) -> bool:
        if source not in self._last:
            return True
        last = self._last[source].features.global_descriptor
        change = 1.0 - float(np.dot(features.global_descriptor, last))
        return change >= self._config.view_change

    def _keep(self, frame: Frame, features: Features) -> Kept:
        thumbnail = b""
        if frame.image is not None:
            thumbnail = encode_jpeg(shrink(frame.image, self._config.thumbnail_side))
        if self._points is not None and features.points is None:
            features = replace(features, points=self._points.to_keep(frame))
        keyframe = Keyframe(frame.stamp_ns, features, frame.pose, frame.camera, thumbnail)
        key = self._map.append(keyframe)
        if frame.image is not None:
            constant = self._constant.setdefault(frame.source, ConstantParts())
            constant.add(frame.image)
            self._map.leave_out(frame.source, constant.grid())
        self._last[frame.source] = keyframe
        self._commit_when_due(frame.stamp_ns)
        return Kept(key, keyframe)

    def _commit_when_due(self, stamp_ns: int) -> None:
        """Commit once per period of image time, and whenever that time jumps back."""
        last = self._committed_ns
        if last is None or not 0 <= stamp_ns - last < self._config.commit_period * 1e9:
            self._map.commit()
            self._committed_ns = stamp_ns


def described(extractor: FeatureExtractor, frame: Frame) -> Features:
    """The features of a frame's image.

    Raises:
        ImageError: the frame has no image, or it cannot be described.
        BackendError: the device failed.
    """
    if frame.image is None:
        raise ImageError(f"{frame.name or 'a frame'} at {frame.stamp_ns} ns has no image")
    return extractor.extract(frame.image)
