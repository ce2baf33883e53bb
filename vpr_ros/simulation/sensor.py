# SPDX-License-Identifier: Apache-2.0
"""What a camera makes of the light: exposure, tone, color cast, dark corners and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vpr_ros.simulation.canvas import Rng
from vpr_ros.simulation.geometry import Image


@dataclass(frozen=True)
class SensorLook:
    """How the pictures of one lap come out.

    Attributes:
        gain: Brightness of mid tones against the rendered picture.
        gamma: Above 1, shadows lose detail.
        cast: Factor on red, green and blue; the color temperature.
        vignette: How much darker the corners are than the center, 0 to 1.
        noise: Standard deviation in gray levels.
        hunting: Standard deviation of the automatic exposure from frame to frame, relative.
    """

    gain: float
    gamma: float
    cast: tuple[float, float, float]
    vignette: float
    noise: float
    hunting: float


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
