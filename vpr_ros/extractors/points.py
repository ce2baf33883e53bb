# SPDX-License-Identifier: Apache-2.0
"""Points for geometry: sub-pixel keypoints that neighboring images are likely to share.

SIFT (Lowe, IJCV 2004) with RootSIFT descriptors (Arandjelovic and Zisserman, CVPR 2012).
"""

from __future__ import annotations

import math
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Frame, ImageArray, LocalFeatures
from vpr_ros.geometry.points import FULL_PIXELS
from vpr_ros.images import check_image, shrink

KEPT = 300  # points of a keyframe: less than 12 kB with the codec of maps
SOUGHT = 500  # points of an image that is looked for in a map

_DETECTED = 700  # of which the points are chosen
_CONTRAST = 0.015  # at dusk, OpenCV's 0.04 leaves few
_CELLS = 8  # along the longer side of the image
_SHARE = 3.0  # times its equal part that a cell may give


class PointDetector(Protocol):
    """One image in, points for geometry out."""

    name: str

    def detect(self, image: ImageArray) -> LocalFeatures:
        """The points of one RGB image, uint8 [H, W, 3]."""
        ...


class SiftPoints:
    """The strongest SIFT keypoints of an image, spread over it."""

    name = "sift"

    def __init__(self, hidden: NDArray[np.bool_] | None = None) -> None:
        """Take what of images does not count, true where it is covered, [H, W] of any size."""
        self._hidden = hidden
        self._sift = cv2.SIFT_create(  # type: ignore[attr-defined]
            nfeatures=_DETECTED, contrastThreshold=_CONTRAST
        )

    def detect(self, image: ImageArray) -> LocalFeatures:
        """At most ``SOUGHT`` points of one RGB image, uint8 [H, W, 3].

        Raises:
            ImageError: the array is not such an image.
        """
        check_image(image)
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        height, width = gray.shape
        zoom = min(1.0, math.sqrt(FULL_PIXELS / (width * height)))
        small = shrink(gray, max(1, round(zoom * max(width, height))))
        found, raw = self._sift.detectAndCompute(small, None)
        if raw is None:
            raw = np.zeros((0, 128), np.float32)
        places = np.array([each.pt for each in found], np.float64).reshape(-1, 2)
        scale = np.array([width, height]) / (small.shape[1], small.shape[0])
        pixels = np.clip((places + 0.5) * scale - 0.5, -0.5, np.array([width, height]) - 0.5)
        scores = np.array([each.response for each in found], np.float32)
        root = np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-9))
        points = LocalFeatures(
            pixels.astype(np.float32), scores, root.astype(np.float32), (width, height)
        )
        if self._hidden is not None:
            points = points.outside(self._hidden)
        return strongest(points, SOUGHT)


class PointsOfFrames:
    """The points of the frame that was asked for last: a robot may look for it and keep it."""

    def __init__(self, detector: PointDetector) -> None:
        self._detector = detector
        self._last: tuple[Frame, LocalFeatures] | None = None

    def of(self, frame: Frame) -> LocalFeatures | None:
        """The points of a frame, None where its image is not at hand.

        Raises:
            ImageError: the image cannot be used.
        """
        if self._last is not None and self._last[0] is frame:
            return self._last[1]
        image = frame.look()
        if image is None:
            return None
        points = self._detector.detect(image)
        self._last = frame, points
        return points

    def to_keep(self, frame: Frame) -> LocalFeatures | None:
        """The points that a keyframe gets: none where the camera could never tell directions."""
        if frame.camera is None or not frame.camera.intrinsics:
            return None
        points = self.of(frame)
        return None if points is None else strongest(points, KEPT)


def strongest(points: LocalFeatures, count: int) -> LocalFeatures:
    """The strongest points, of which no part of the image may give many times its share."""
    order = np.argsort(-points.scores, kind="stable")
    cells = np.floor(points.keypoints[order] / max(points.image_size) * _CELLS).astype(np.int64)
    numbers = cells @ np.array([2 * _CELLS, 1])
    ranks = _ranks(numbers)
    share = _SHARE * count / max(len(np.unique(numbers)), 1)
    chosen = np.argsort(ranks >= share, kind="stable")[:count]
    return points.taken(order[chosen])


def _ranks(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal numbers come before each."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    first = np.searchsorted(ordered, ordered)
    ranks = np.empty(len(numbers), np.int64)
    ranks[order] = np.arange(len(numbers)) - first
    return ranks


DETECTORS = {SiftPoints.name: SiftPoints}
