# SPDX-License-Identifier: Apache-2.0
"""A pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpr_ros.simulation.geometry import FloatArray

CAMERA_T_BODY = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""Rotation from body axes (x forward, y left, z up) to optical ones (z forward, x right)."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    Attributes:
        width: Pixels.
        height: Pixels.
        focal: Focal length in pixels.
    """

    width: int
    height: int
    focal: float

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    def enlarged(self, times: int) -> Camera:
        """The same view with as many times the pixels along each side."""
        return Camera(self.width * times, self.height * times, self.focal * times)

    @property
    def matrix(self) -> FloatArray:
        """[3, 3] intrinsics; the center of the first pixel is at (0, 0)."""
        return np.array([
            [self.focal, 0.0, (self.width - 1) / 2],
            [0.0, self.focal, (self.height - 1) / 2],
            [0.0, 0.0, 1.0],
        ])  # fmt: skip

    def project(self, points: FloatArray, map_T_camera: FloatArray) -> FloatArray:
        """Pixels [N, 2] of points [N, 3] in the map frame that lie before the camera."""
        seen = (points - map_T_camera[:3, 3]) @ map_T_camera[:3, :3]
        pixels = seen @ self.matrix.T
        return np.asarray(pixels[:, :2] / pixels[:, 2:], np.float64)
