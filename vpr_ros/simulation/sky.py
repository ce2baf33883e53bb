# SPDX-License-Identifier: Apache-2.0
"""The sky: a panorama with clouds, far enough away to turn with the camera only."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vpr_ros.simulation.camera import Camera
from vpr_ros.simulation.canvas import cloud_noise
from vpr_ros.simulation.geometry import FloatArray, Image
from vpr_ros.simulation.light import Lighting, to_display

COARSE = 4
"""The sky is soft: it is looked up for one pixel in 4 x 4."""
PANORAMA = (512, 2048)


class Sky:
    """The background of all images of a lap."""

    def __init__(self, lighting: Lighting, camera: Camera, seed: int) -> None:
        """Paint a panorama of all directions above the horizon, and aim the camera's rays."""
        self._panorama = _panorama(lighting, seed)
        self._size = camera.width, camera.height
        x = np.linspace(0, camera.width - 1, max(2, camera.width // COARSE))
        y = np.linspace(0, camera.height - 1, max(2, camera.height // COARSE))
        grid = np.stack([*np.meshgrid(x, y), np.ones((len(y), len(x)))], axis=-1)
        self._rays: FloatArray = grid @ np.linalg.inv(camera.matrix).T

    def seen_from(self, map_T_camera: FloatArray) -> Image:
        """The sky in the direction of a pose, RGB uint8 [H, W, 3]."""
        rays = self._rays @ map_T_camera[:3, :3].T
        azimuth = np.arctan2(rays[..., 1], rays[..., 0])
        elevation = np.arctan2(rays[..., 2], np.hypot(rays[..., 0], rays[..., 1]))
        rows, columns = PANORAMA
        x = (azimuth / (2 * np.pi) % 1.0) * columns
        y = np.clip(1.0 - elevation / (np.pi / 2), 0.0, 1.0) * (rows - 1)
        small = cv2.remap(
            self._panorama, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )  # fmt: skip
        return np.asarray(cv2.resize(small, self._size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _panorama(lighting: Lighting, seed: int) -> Image:
    """[H, W, 3] uint8; columns go once around, rows from the zenith to the horizon."""
    rows, columns = PANORAMA
    down = np.linspace(0.0, 1.0, rows)[:, None, None] ** 2
    clear = (1 - down) * np.asarray(lighting.zenith) + down * np.asarray(lighting.horizon)
    cover = _clouds(seed, lighting.clouds)[..., None]
    white = 0.55 * np.asarray(lighting.horizon) + 0.45 * float(np.max(lighting.horizon))
    mixed = clear * (1 - cover) + white * cover
    return to_display(np.broadcast_to(mixed, (rows, columns, 3)).astype(np.float32))


def _clouds(seed: int, amount: float) -> npt.NDArray[np.float64]:
    """[H, W] 0 where the sky is clear, 1 in a cloud; the ends of the panorama meet."""
    rng = np.random.default_rng([seed, 2])
    noise = sum(cloud_noise(rng, PANORAMA, cell, cell / 90.0) for cell in (90.0, 40.0, 18.0, 8.0))
    around = np.linspace(0.0, 1.0, PANORAMA[1])
    blend = np.clip((around - 0.9) / 0.1, 0.0, 1.0)[None, :]
    joined = noise * (1 - blend) + np.asarray(noise)[:, :1] * blend
    return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (joined + 2.0 * amount - 1.0))), np.float64)
