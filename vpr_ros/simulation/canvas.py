# SPDX-License-Identifier: Apache-2.0
"""Painting textures in meters: x to the right, z up from the lower edge."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vpr_ros.simulation.geometry import Image, Texture

Color = tuple[int, int, int]
Rng = np.random.Generator
Noise = npt.NDArray[np.float32]
BLACK: Color = (0, 0, 0)


class Canvas:
    """A texture under the brush: `albedo`, and what `glow` and `alpha` add to it."""

    def __init__(self, width: float, height: float, scale: float, color: Color) -> None:
        """Stretch one of a color, width and height in meters, with `scale` texels per meter."""
        shape = (max(2, round(height * scale)), max(2, round(width * scale)))
        self.width, self.height, self.scale = width, height, scale
        self.albedo: Image = np.full((*shape, 3), color, dtype=np.uint8)
        self.glow: Image = np.zeros((*shape, 3), dtype=np.uint8)  # its own light at dusk
        self.alpha: Image = np.full(shape, 255, dtype=np.uint8)  # 0: a hole

    def texture(self, *, glow: bool = False, alpha: bool = False) -> Texture:
        """The finished texture, with its glow and its holes where they were used."""
        return Texture(
            self.albedo,
            self.scale,
            glow=self.glow if glow else None,
            alpha=self.alpha if alpha else None,
        )

    def window(self, x: float, z: float, w: float, h: float) -> tuple[slice, slice]:
        """The rows and columns of a rectangle whose lower left corner is at (x, z)."""
        rows, columns = self.albedo.shape[:2]
        left, right = (round(v * self.scale) for v in (x, x + w))
        top, bottom = (round((self.height - v) * self.scale) for v in (z + h, z))
        clip = (min(max(top, 0), rows), min(max(bottom, 0), rows))
        return slice(*clip), slice(min(max(left, 0), columns), min(max(right, 0), columns))

    def box(self, x: float, z: float, w: float, h: float, color: Color) -> None:
        """Fill a rectangle (meters)."""
        self.albedo[self.window(x, z, w, h)] = color

    def shine(self, x: float, z: float, w: float, h: float, color: Color) -> None:
        """Let a rectangle (meters) give light at dusk."""
        self.glow[self.window(x, z, w, h)] = color

    def frame(self, x: float, z: float, w: float, h: float, color: Color, line: float) -> None:
        """Draw the border of a rectangle, `line` meters wide, outside of it."""
        self.box(x - line, z - line, w + 2 * line, line, color)
        self.box(x - line, z + h, w + 2 * line, line, color)
        self.box(x - line, z, line, h, color)
        self.box(x + w, z, line, h, color)

    def texels(self, points: Sequence[tuple[float, float]]) -> npt.NDArray[np.int32]:
        """[N, 2] points (meters) in sixteenths of a texel, as OpenCV's drawing wants them."""
        xy = [(x * self.scale, (self.height - z) * self.scale) for x, z in points]
        return np.round(np.array(xy) * 16).astype(np.int32)

    def polygon(self, points: Sequence[tuple[float, float]], color: Color) -> None:
        """Fill a polygon (meters)."""
        cv2.fillPoly(self.albedo, [self.texels(points)], color, cv2.LINE_AA, shift=4)

    def line(self, points: Sequence[tuple[float, float]], color: Color, width: float) -> None:
        """Draw a line `width` meters wide through the points."""
        thick = max(1, round(width * self.scale))
        cv2.polylines(self.albedo, [self.texels(points)], False, color, thick, cv2.LINE_AA, 4)

    def disc(self, x: float, z: float, radius: float, color: Color) -> None:
        """Fill a circle (meters)."""
        center = self.texels([(x, z)])[0]
        radius_px = max(1, round(radius * self.scale * 16))
        at = (int(center[0]), int(center[1]))
        cv2.circle(self.albedo, at, radius_px, color, -1, cv2.LINE_AA, shift=4)

    def text(self, words: str, x: float, z: float, height: float, color: Color, font: int) -> None:
        """Write words whose base line starts at (x, z), letters `height` meters high."""
        thick = max(1, round(height * self.scale / 8))
        size = cv2.getFontScaleFromHeight(font, max(3, round(height * self.scale)), thick)
        at = (round(x * self.scale), round((self.height - z) * self.scale))
        cv2.putText(self.albedo, words, at, font, size, color, thick, cv2.LINE_AA)

    def grain(self, noise: Noise, where: tuple[slice, slice] | None = None) -> None:
        """Make the paint lighter or darker by noise [h, w], in gray levels."""
        part = self.albedo[where] if where else self.albedo
        part[:] = cv2.add(part, cv2.merge([noise] * 3), dtype=cv2.CV_8U)


def cloud_noise(rng: Rng, shape: tuple[int, int], cell: float, strength: float) -> Noise:
    """Smooth noise, float32 [H, W]: spots of `cell` texels, of this deviation in gray levels."""
    cell = max(cell, 1.0)
    small = (max(2, round(shape[0] / cell)), max(2, round(shape[1] / cell)))
    seed = rng.standard_normal(small, dtype=np.float32) * np.float32(strength)
    grown = cv2.resize(seed, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return grown.astype(np.float32)


def shade(color: Color, factor: float) -> Color:
    """A color, darker (factor < 1) or lighter (> 1)."""
    red, green, blue = (min(255, max(0, round(channel * factor))) for channel in color)
    return red, green, blue


def vary(rng: Rng, color: Color, amount: float = 12.0) -> Color:
    """A color near the given one: mostly lighter or darker, a little of another hue."""
    shift = rng.normal(0, amount) + rng.normal(0, amount / 4, 3)
    red, green, blue = np.clip(np.add(color, shift), 0, 255).astype(int).tolist()
    return red, green, blue


def pick(rng: Rng, colors: Sequence[Color]) -> Color:
    """One of the colors, slightly varied."""
    return vary(rng, colors[int(rng.integers(len(colors)))])
