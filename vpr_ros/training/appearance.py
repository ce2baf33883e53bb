# SPDX-License-Identifier: Apache-2.0
"""Another light, another camera, other weather and other things in the way: none moves a pixel.

Every function takes and returns RGB as float32 [H, W, 3] from 0 to 1; values may leave that range
until the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.config.setting import setting
from vpr_ros.datatypes import FloatArray, ImageArray

Random = np.random.Generator
_GRAY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class AppearanceRecipe:
    """How strongly a view's appearance changes, and how often."""

    strength: float = setting(
        1.0, "Of changes of light and color; 0: none", minimum=0.0, maximum=2.0
    )
    gray: float = setting(0.2, "Share of views without color", minimum=0.0, maximum=1.0)
    night: float = setting(0.15, "Share of views at night", minimum=0.0, maximum=1.0)
    shadow: float = setting(0.35, "Share of views with a shadow cast on them", minimum=0, maximum=1)
    fog: float = setting(0.1, "Share of views in fog", minimum=0.0, maximum=1.0)
    rain: float = setting(0.12, "Share of views in rain", minimum=0.0, maximum=1.0)
    occluders: float = setting(0.6, "Share of views with things in the way", minimum=0, maximum=1)
    blur: float = setting(0.35, "Share of views blurred by motion or focus", minimum=0, maximum=1)
    noise: float = setting(0.5, "Share of views with noise", minimum=0.0, maximum=1.0)
    jpeg: float = setting(0.4, "Share of views compressed again", minimum=0.0, maximum=1.0)


def changed(image: ImageArray, recipe: AppearanceRecipe, random: Random) -> ImageArray:
    """A view, uint8 [H, W, 3], as it might look another day."""
    values = image.astype(np.float32) / np.float32(255.0)
    values = relit(values, recipe.strength, random)
    steps: tuple[tuple[float, Callable[[FloatArray, Random], FloatArray]], ...] = (
        (recipe.shadow, shadowed),
        (recipe.occluders, occluded),
        (recipe.night, at_night),
        (recipe.fog, in_fog),
        (recipe.rain, in_rain),
        (recipe.gray, without_color),
        (recipe.blur, blurred),
        (recipe.noise, noisy),
    )
    for share, step in steps:
        if random.random() < share:
            values = step(values, random)
    result = (values.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return compressed(result, random) if random.random() < recipe.jpeg else result


def relit(values: FloatArray, strength: float, random: Random) -> FloatArray:
    """Exposure, contrast, gamma, color of the light and saturation."""
    gamma, exposure, contrast = np.exp(strength * random.normal(0.0, (0.35, 0.2, 0.25)))
    color = exposure * np.exp(strength * random.normal(0.0, 0.12, 3))
    saturation = max(0.0, 1.0 + strength * random.normal(0.0, 0.4))
    lit = np.power(values.clip(1e-4, 1.0), np.float32(gamma)) * color.astype(np.float32)
    gray = (lit @ _GRAY)[..., None]
    lit = gray + (lit - gray) * np.float32(saturation)
    mean = lit.mean()
    return np.asarray((lit - mean) * np.float32(contrast) + mean, np.float32)


def at_night(values: FloatArray, random: Random) -> FloatArray:
    """Dark, of one color, with a bright spot or two and the noise of a slow sensor."""
    height, width = values.shape[:2]
    light = np.full((height, width), random.uniform(0.08, 0.35), np.float32)
    for _ in range(int(random.integers(0, 4))):
        x, y, radius = random.uniform(0, width), random.uniform(0, height), random.uniform(0.1, 0.4)
        light += random.uniform(0.2, 0.8) * _bell((height, width), (x, y), radius * width)
    tint = np.array([1.0, random.uniform(0.75, 1.0), random.uniform(0.45, 1.1)], np.float32)
    dark = values * light[..., None] * tint
    grain = random.normal(0.0, random.uniform(0.01, 0.05), values.shape).astype(np.float32)
    return np.asarray((dark + grain) * np.float32(random.uniform(1.0, 2.5)), np.float32)


def shadowed(values: FloatArray, random: Random) -> FloatArray:
    """One shadow with straight edges, as of a house, a tree or the robot."""
    height, width = values.shape[:2]
    corners = random.uniform(-0.3, 1.3, (int(random.integers(3, 6)), 2)) * (width, height)
    mask = np.zeros((height, width), np.float32)
    cv2.fillPoly(mask, [cv2.convexHull(corners.astype(np.int32))], 1.0)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), random.uniform(0.5, 4.0)), np.float32)
    factor = np.float32(random.uniform(0.25, 0.75) if random.random() < 0.8 else 1.6)
    return np.asarray(values * (1.0 + mask * (factor - 1.0))[..., None], np.float32)


def in_fog(values: FloatArray, random: Random) -> FloatArray:
    """Washed out, more so at the top."""
    top, bottom = random.uniform(0.3, 0.8), random.uniform(0.0, 0.4)
    share = np.linspace(top, bottom, len(values), dtype=np.float32)[:, None, None]
    return np.asarray(values * (1 - share) + share * np.float32(random.uniform(0.55, 0.95)))


def in_rain(values: FloatArray, random: Random) -> FloatArray:
    """Bright streaks of one direction, and a few drops on the glass that blur what is behind."""
    height, width = values.shape[:2]
    streaks = np.zeros((height, width), np.float32)
    slant, length = random.uniform(-0.4, 0.4), random.uniform(5, 18)
    for x, y in random.uniform(0, 1, (int(random.integers(40, 160)), 2)) * (width, height):
        end = (int(x + slant * length), int(y + length))
        cv2.line(streaks, (int(x), int(y)), end, random.uniform(0.1, 0.5), 1)
    soft = np.asarray(cv2.GaussianBlur(values, (0, 0), 4.0), np.float32)
    drops = np.zeros((height, width), np.float32)
    for x, y in random.uniform(0, 1, (int(random.integers(0, 12)), 2)) * (width, height):
        cv2.circle(drops, (int(x), int(y)), int(random.uniform(0.015, 0.06) * width), 1.0, -1)
    values = values + (soft - values) * drops[..., None]
    return np.asarray(values + streaks[..., None], np.float32)


def occluded(values: FloatArray, random: Random) -> FloatArray:
    """Up to four things in the way: plain, noisy, or torn from elsewhere in the same view."""
    values = values.copy()
    height, width = values.shape[:2]
    for _ in range(int(random.integers(1, 5))):
        sides = random.uniform(0.06, 0.4, 2) * (width, height)
        corner = random.uniform(-0.1, 0.9, 2) * (width, height)
        mask = np.zeros((height, width), np.uint8)
        if random.random() < 0.5:
            cv2.rectangle(mask, _whole(corner), _whole(corner + sides), 1, -1)
        else:
            axes = _whole(sides / 2)
            cv2.ellipse(
                mask, _whole(corner + sides / 2), axes, random.uniform(0, 180), 0, 360, 1, -1
            )
        inside = mask.astype(np.bool_)
        values[inside] = _stuff(values, random)[inside]
    return values


def blurred(values: FloatArray, random: Random) -> FloatArray:
    """Out of focus, or moved while the shutter was open."""
    if random.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), random.uniform(0.4, 1.8)), np.float32)
    length = int(random.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    angle, middle = random.uniform(0, np.pi), (length - 1) / 2
    ends = [middle + sign * middle * np.array([np.cos(angle), np.sin(angle)]) for sign in (-1, 1)]
    cv2.line(kernel, _whole(ends[0] + 0.5), _whole(ends[1] + 0.5), 1.0)
    kernel[length // 2, length // 2] = 1.0
    return np.asarray(cv2.filter2D(values, -1, kernel / kernel.sum()), np.float32)


def noisy(values: FloatArray, random: Random) -> FloatArray:
    """The noise of a sensor."""
    grain = random.standard_normal(values.shape, np.float32)
    return np.asarray(values + grain * np.float32(random.uniform(0.005, 0.06)), np.float32)


def without_color(values: FloatArray, random: Random) -> FloatArray:
    """As a gray camera sees it, whose filter passes some colors more than others."""
    weights = _GRAY * np.exp(random.normal(0.0, 0.3, 3)).astype(np.float32)
    gray = values @ (weights / weights.sum())
    return np.repeat(gray[..., None], 3, axis=2).astype(np.float32)


def compressed(image: ImageArray, random: Random) -> ImageArray:
    """Through a JPEG of poor quality, uint8 to uint8."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(12, 75))]
    data = cv2.imencode(".jpg", image, quality)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _stuff(values: FloatArray, random: Random) -> FloatArray:
    """What things in the way look like, as large as the view."""
    kind = random.random()
    if kind < 0.4:
        return np.broadcast_to(random.uniform(0, 1, 3).astype(np.float32), values.shape)
    if kind < 0.6:
        coarse = random.uniform(0, 1, (8, 8, 3)).astype(np.float32)
        return np.asarray(cv2.resize(coarse, values.shape[1::-1]), np.float32)
    shift = (int(random.integers(values.shape[0])), int(random.integers(values.shape[1])))
    return np.roll(values[:, ::-1], shift, axis=(0, 1))


def _bell(size: tuple[int, int], center: tuple[float, float], radius: float) -> FloatArray:
    """A soft spot of height 1."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    distance = (columns - center[0]) ** 2 + (rows - center[1]) ** 2
    return np.exp(-distance / (2 * radius**2)).astype(np.float32)


def _whole(point: NDArray[np.float64]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
