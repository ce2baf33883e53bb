# SPDX-License-Identifier: Apache-2.0
"""Light: sun with shadows, sky and lamps, baked into the textures once per lap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vpr_ros.simulation.camera import Camera
from vpr_ros.simulation.canvas import cloud_noise
from vpr_ros.simulation.geometry import Face, FloatArray, Image, Solid, unit
from vpr_ros.simulation.street import Town

Radiance = npt.NDArray[np.float32]
RASTER_M = 0.25  # cell of the raster of heights that throws the shadows
STEPS = 48
REACH_M = 14.0  # longest shadow that is followed
DISPLAY_GAMMA = 2.2  # textures are painted as a screen shows them; light adds up linearly
COARSE = 4  # the sky is soft: it is looked up for one pixel in 4 x 4
PANORAMA = (512, 2048)


@dataclass(frozen=True)
class Lighting:
    """The light of a time of day; colors are linear RGB, 1.0 = a white wall in full light."""

    sun: tuple[float, float, float]  # color of the sun, zero without
    to_sun: tuple[float, float, float]  # direction from the ground to the sun in the map frame
    sky: tuple[float, float, float]  # color of the light that comes from everywhere
    lamps: tuple[float, float, float]  # color of street lamps and lit windows; zero: off
    zenith: tuple[float, float, float]  # color of the sky overhead, as the camera sees it
    horizon: tuple[float, float, float]  # color of the sky above the roofs
    clouds: float  # how much of the sky is covered, 0 to 1


DAYLIGHT = Lighting(
    sun=(1.05, 0.96, 0.82),
    to_sun=(-0.5, -0.42, 0.85),
    sky=(0.40, 0.44, 0.50),
    lamps=(0.0, 0.0, 0.0),
    zenith=(0.24, 0.42, 0.78),
    horizon=(0.72, 0.80, 0.90),
    clouds=0.4,
)
DUSK = Lighting(
    sun=(0.0, 0.0, 0.0),
    to_sun=(0.0, 0.0, 1.0),
    sky=(0.42, 0.44, 0.52),
    lamps=(0.80, 0.60, 0.36),
    zenith=(0.30, 0.32, 0.42),
    horizon=(0.62, 0.52, 0.46),
    clouds=0.7,
)


class LightField:
    """How much light falls on any point of a town during one lap."""

    def __init__(self, town: Town, cars: Sequence[Solid], lighting: Lighting) -> None:
        """Raster the heights of all that throws a shadow."""
        x_min, y_min, x_max, y_max = town.plan.bounds()
        self._origin = np.array([x_min - 6.0, y_min - 6.0])
        size = (np.array([x_max + 6.0, y_max + 6.0]) - self._origin) / RASTER_M
        self._heights = np.zeros((int(size[1]) + 1, int(size[0]) + 1), np.float32)
        for solid in [*town.houses, *cars]:
            corners = np.round((solid.footprint - self._origin) / RASTER_M).astype(np.int32)
            cv2.fillConvexPoly(self._heights, corners, solid.height)
        walls = (self._heights > 0.5).astype(np.float32)
        self._crowding = cv2.GaussianBlur(walls, (0, 0), 0.5 / RASTER_M)
        self._lamps, self.lighting = town.lamps, lighting

    def irradiance(self, points: FloatArray, normal: FloatArray) -> Radiance:
        """Light on points [N, 3] of the map under a unit normal [3], linear RGB float32 [N, 3]."""
        light = self.lighting
        total = self._openness(points, normal)[:, None] * np.asarray(light.sky)
        to_sun = unit(light.to_sun)
        facing = float(normal @ to_sun)
        if facing > 0 and any(light.sun):
            total = total + (facing * self._sunlit(points, normal))[:, None] * light.sun
        if any(light.lamps):
            total = total + self._lamplight(points, normal)[:, None] * light.lamps
        return np.asarray(total, np.float32)

    def _cells(self, points: FloatArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows and columns of the raster under points [..., 2 or 3]."""
        cells = ((points[..., :2] - self._origin) / RASTER_M).astype(np.int64)
        rows, columns = self._heights.shape
        return np.clip(cells[..., 1], 0, rows - 1), np.clip(cells[..., 0], 0, columns - 1)

    def _openness(self, points: FloatArray, normal: FloatArray) -> FloatArray:
        """[N] how much of the sky a point sees: little between walls and under cars."""
        height = np.clip(points[:, 2] / 6.0, 0.0, 1.0)
        if normal[2] > 0.5:
            shut = self._crowding[self._cells(points)] * (points[:, 2] < 0.1)
            return np.asarray(1.0 - 0.75 * shut, np.float64)
        return np.asarray(0.68 + 0.32 * height + 0.1 * normal[0], np.float64)

    def _sunlit(self, points: FloatArray, normal: FloatArray) -> FloatArray:
        """[N] 1 where the sun reaches a point, 0 in the shadow."""
        to_sun = unit(self.lighting.to_sun)
        across = float(np.hypot(to_sun[0], to_sun[1]))
        steps = np.linspace(0.02, REACH_M, STEPS) / max(across, 1e-6)
        start = points + 0.35 * normal
        rays = start[:, None, :] + steps[None, :, None] * to_sun
        blocked = self._heights[self._cells(rays)] > rays[..., 2]
        return np.asarray(~blocked.any(axis=1), np.float64)

    def _lamplight(self, points: FloatArray, normal: FloatArray) -> FloatArray:
        """[N] the sum over the lamps, one right below a bulb."""
        total = np.zeros(len(points))
        for bulb in self._lamps:
            way = bulb - points
            square = np.maximum((way**2).sum(axis=1), 0.5)
            facing = np.maximum(way @ normal, 0.0) / np.sqrt(square)
            total += facing * 16.0 / (square + 3.0) * (square < 300.0)
        return total


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


def bake(face: Face, field: LightField) -> Image:
    """The texture of a face as the light shows it, RGB uint8 [H, W, 3]."""
    texture = face.texture
    linear = _LINEAR[texture.albedo] * _light_map(face, field)
    if texture.glow is not None and any(field.lighting.lamps):
        linear += _LINEAR[texture.glow] * np.float32(0.9)
    return to_display(linear)


def to_display(linear: Radiance) -> Image:
    """Linear light, as a screen shows it: uint8."""
    index = np.clip(linear * 4095.0, 0, 4095).astype(np.uint16)
    return np.asarray(_DISPLAY[index], np.uint8)


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


def _light_map(face: Face, field: LightField) -> Radiance:
    """[H, W, 3] light on each texel; sampled coarsely, because light changes slowly."""
    rows, columns = face.texture.albedo.shape[:2]
    width, height = face.texture.size_m
    u, v = _centers(width), _centers(height)
    points = (
        face.origin
        + u[None, :, None] * face.u_axis
        + v[:, None, None] * face.v_axis
    )  # fmt: skip
    light = field.irradiance(points.reshape(-1, 3), face.normal).reshape(len(v), len(u), 3)
    return np.asarray(cv2.resize(light, (columns, rows), interpolation=cv2.INTER_LINEAR))


def _centers(length: float) -> FloatArray:
    count = max(2, int(length / 0.3))
    return (np.arange(count) + 0.5) * length / count


_LINEAR: Radiance = ((np.arange(256) / 255.0) ** DISPLAY_GAMMA).astype(np.float32)
_DISPLAY: Image = np.round(255.0 * (np.arange(4096) / 4095.0) ** (1 / DISPLAY_GAMMA)).astype(
    np.uint8
)
