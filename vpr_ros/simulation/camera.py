# SPDX-License-Identifier: Apache-2.0
"""A pinhole camera, where it is, and what its chip makes of the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vpr_ros.simulation.canvas import Rng
from vpr_ros.simulation.geometry import FloatArray, Image

CAMERA_T_BODY = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""Rotation from body axes (x forward, y left, z up) to optical ones (z forward, x right)."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion."""

    width: int  # pixels
    height: int  # pixels
    focal: float  # focal length in pixels

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

    def project(self, points: FloatArray) -> FloatArray:
        """Pixels [N, 2] of points [N, 3] in the optical frame that lie before the camera."""
        pixels = points @ self.matrix.T
        return np.asarray(pixels[:, :2] / pixels[:, 2:], np.float64)


def camera_pose(position: FloatArray, heading: float, height: float) -> FloatArray:
    """[4, 4] map_T_camera of an optical frame that looks ahead, `height` meters up."""
    cos, sin = np.cos(heading), np.sin(heading)
    map_T_body = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    pose = np.eye(4)
    pose[:3, :3] = map_T_body @ CAMERA_T_BODY.T
    pose[:3, 3] = [*position, height]
    return pose


@dataclass(frozen=True)
class SensorLook:
    """How the pictures of one lap come out."""

    gain: float  # brightness of mid tones against the rendered picture
    gamma: float  # above 1, shadows lose detail
    cast: tuple[float, float, float]  # factor on red, green and blue; the color temperature
    vignette: float  # how much darker the corners are than the center, 0 to 1
    noise: float  # standard deviation in gray levels
    hunting: float  # standard deviation of the automatic exposure from frame to frame, relative


SHARP = SensorLook(1.08, 0.95, (1.02, 1.0, 0.97), 0.12, 1.5, 0.01)
DIM = SensorLook(0.82, 1.12, (0.95, 0.98, 1.08), 0.25, 4.0, 0.03)


class Sensor:
    """A camera chip."""

    def __init__(self, look: SensorLook, size: tuple[int, int]) -> None:
        """Prepare for pictures of size (width, height)."""
        self._look = look
        x, y = (np.linspace(-1.0, 1.0, side) for side in size)
        squares = (x[None, :] ** 2 + y[:, None] ** 2) / 2
        self._falloff = (1.0 - look.vignette * squares).astype(np.float32)[..., None]

    def expose(self, image: Image, rng: Rng) -> Image:
        """The picture of an ideal view, RGB uint8 [H, W, 3]."""
        look, shape = self._look, image.shape
        gain = look.gain * float(np.exp(rng.normal(0.0, look.hunting)))
        curves = self._curves(gain)
        toned = np.stack([curves[c][image[..., c]] for c in range(3)], axis=-1)
        noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(look.noise)
        return np.clip(toned * self._falloff + noise, 0, 255).astype(np.uint8)

    def _curves(self, gain: float) -> npt.NDArray[np.float32]:
        """[3, 256] from gray level to gray level, for each channel."""
        tone = 255.0 * (np.arange(256) / 255.0) ** self._look.gamma * gain
        return (np.asarray(self._look.cast)[:, None] * tone).astype(np.float32)
