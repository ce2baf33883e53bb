# SPDX-License-Identifier: Apache-2.0
"""Parked cars: a profile pulled out to the width of a car."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vpr_ros.simulation.canvas import Canvas, Color, Rng, pick, shade, vary
from vpr_ros.simulation.geometry import Face, Solid, Texture, face, spanned
from vpr_ros.simulation.openings import FONTS, shop_name

SCALE = 50.0
GLASS: Color = (44, 52, 60)
RUBBER: Color = (26, 26, 28)
PAINTS: tuple[Color, ...] = (
    (200, 204, 208), (32, 34, 38), (120, 124, 128), (236, 236, 232), (150, 26, 30), (24, 56, 120),
    (40, 80, 66), (190, 150, 60), (90, 50, 40),
)  # fmt: skip
Profile = tuple[tuple[float, float], ...]
# From the front bumper over the roof to the rear, (meters behind the front, meters up).
SEDAN: Profile = ((0.0, 0.3), (0.05, 0.72), (1.15, 0.92), (1.85, 1.42), (3.15, 1.44),
                  (3.75, 1.02), (4.4, 0.96), (4.45, 0.3))  # fmt: skip
HATCH: Profile = ((0.0, 0.3), (0.05, 0.75), (0.95, 0.95), (1.55, 1.5), (3.3, 1.5),
                  (3.85, 0.98), (3.9, 0.3))  # fmt: skip
VAN: Profile = ((0.0, 0.35), (0.05, 0.95), (0.6, 1.15), (1.2, 1.95), (4.7, 2.0), (4.8, 0.35))
SHAPES = {"sedan": (SEDAN, (2, 4)), "hatch": (HATCH, (2, 4)), "van": (VAN, (2, -1))}


@dataclass(frozen=True)
class Place:
    """Where a car stands: the middle of its front on the ground, and its heading (radians)."""

    x: float
    y: float
    heading: float

    def at(self, behind: float, left: float, up: float) -> tuple[float, float, float]:
        """A point of the car in the map frame."""
        cos, sin = float(np.cos(self.heading)), float(np.sin(self.heading))
        return self.x - behind * cos - left * sin, self.y - behind * sin + left * cos, up


def park(rng: Rng, place: Place) -> Solid:
    """A car of random make and color at a place."""
    kind = str(rng.choice(list(SHAPES), p=(0.4, 0.4, 0.2)))
    profile, glass = SHAPES[kind]
    stretch = rng.uniform(0.93, 1.08)
    shape = tuple((x * stretch, z) for x, z in profile)
    paint, half = pick(rng, PAINTS), float(rng.uniform(0.82, 0.9))
    faces = _skin(rng, shape, paint, half, place, glass)
    faces += _flanks(rng, shape, paint, half, place)
    length, height = shape[-1][0], max(z for _, z in shape)
    corners = [(0.0, half), (length, half), (length, -half), (0.0, -half)]
    footprint = np.array([place.at(behind, left, 0.0)[:2] for behind, left in corners])
    return Solid(faces, footprint, height)


def _skin(
    rng: Rng, shape: Profile, paint: Color, half: float, place: Place, glass: tuple[int, int]
) -> list[Face]:
    """The strips between neighboring points of the profile: bumper, hood, windscreen..."""
    faces = []
    for i, (low, high) in enumerate(pairwise(shape)):
        length = float(np.hypot(high[0] - low[0], high[1] - low[1]))
        kind = "glass" if i in glass else ("nose" if i == 0 else "body")
        kind = "tail" if i == len(shape) - 2 else kind
        texture = _strip(rng, 2 * half, length, paint, kind)
        rear = i >= len(shape) // 2
        top, bottom = (low, high) if rear else (high, low)
        side = half if rear else -half
        faces.append(spanned(
            place.at(top[0], side, top[1]), place.at(top[0], -side, top[1]),
            place.at(bottom[0], side, bottom[1]), texture,
        ))  # fmt: skip
    return faces


def _strip(rng: Rng, width: float, height: float, paint: Color, kind: str) -> Texture:
    canvas = Canvas(width, height, SCALE, paint)
    ramp = np.linspace(12, -12, canvas.alpha.shape[0], dtype=np.float32)
    canvas.grain(np.repeat(ramp[:, None], canvas.alpha.shape[1], axis=1))
    if kind == "glass":
        canvas.box(0.1, 0.04, width - 0.2, height - 0.08, GLASS)
        sheen = [(0.3, 0.0), (0.9, 0.0), (1.3, height), (0.8, height)]
        canvas.polygon(sheen, shade(GLASS, rng.uniform(1.2, 2.0)))
    if kind in ("nose", "tail"):
        _bumper(canvas, rng, kind)
    return canvas.texture(glow=kind == "tail")


def _bumper(canvas: Canvas, rng: Rng, kind: str) -> None:
    """Lights, plate, and a grille in front."""
    width, height = canvas.width, canvas.height
    light: Color = (230, 230, 220) if kind == "nose" else (170, 24, 24)
    for left in (0.06, width - 0.4):
        canvas.box(left, height - 0.26, 0.34, 0.16, light)
    canvas.box(0, 0, width, 0.12, shade((60, 60, 62), rng.uniform(0.6, 1.4)))
    if kind == "nose":
        canvas.box(0.45, height - 0.26, width - 0.9, 0.14, (30, 30, 32))
    canvas.box(width / 2 - 0.26, 0.14, 0.52, 0.12, (240, 238, 220))
    canvas.text(f"{shop_name(rng)[:2].upper()}{rng.integers(100, 999)}",
                width / 2 - 0.24, 0.16, 0.08, (20, 20, 20), FONTS[0])  # fmt: skip


def _flanks(rng: Rng, shape: Profile, paint: Color, half: float, place: Place) -> list[Face]:
    """Both sides, cut out along the profile."""
    length, height = shape[-1][0], max(z for _, z in shape)
    canvas = Canvas(length, height, SCALE, paint)
    _flank(canvas, rng, shape, paint)
    texture = canvas.texture(alpha=True)
    forward = np.subtract(place.at(0, 0, 0), place.at(1, 0, 0))
    outline = [(0.0, 0.0), (length, 0.0), (length, height), (0.0, height)]
    right = face(place.at(length, -half, height), forward, (0, 0, -1), _mirrored(texture), outline)
    left = face(place.at(0, half, height), -forward, (0, 0, -1), texture, outline)
    return [left, right]


def _mirrored(texture: Texture) -> Texture:
    alpha = texture.alpha
    return Texture(
        np.ascontiguousarray(texture.albedo[:, ::-1]),
        texture.texels_per_meter,
        alpha=None if alpha is None else np.ascontiguousarray(alpha[:, ::-1]),
    )


def _flank(canvas: Canvas, rng: Rng, shape: Profile, paint: Color) -> None:
    """The left side, its front at x = 0: body, windows, doors and wheels."""
    belt = min(shape[2][1], 1.25)
    canvas.box(0, 0, canvas.width, 0.45, shade(paint, 0.7))
    glass = [(x + (0.12 if x < 2 else -0.12), z - 0.1) for x, z in shape if z > belt + 0.2]
    if canvas.height > 1.8:
        glass = [glass[0], (glass[0][0] + 0.75, glass[0][1])]
        canvas.text(shop_name(rng), 1.9, 1.1, 0.3, pick(rng, PAINTS), FONTS[0])
    ends = [(glass[-1][0] + 0.35 if canvas.height < 1.8 else glass[-1][0], belt)]
    canvas.polygon([(glass[0][0] - 0.5, belt), *glass, *ends], vary(rng, GLASS))
    for x in (0.3 * canvas.width, 0.52 * canvas.width, 0.75 * canvas.width):
        canvas.box(x, 0.35, 0.025, canvas.height, shade(paint, 0.55))
        canvas.box(x - 0.25, belt - 0.12, 0.18, 0.04, shade(paint, 0.5))
    _cut_out(canvas, shape)
    for x in (0.19 * canvas.width, 0.8 * canvas.width):
        _wheel(canvas, rng, x)


def _cut_out(canvas: Canvas, shape: Profile) -> None:
    """Remove what lies outside of the profile."""
    body = Canvas(canvas.width, canvas.height, SCALE, (0, 0, 0))
    body.polygon([*shape], (255, 255, 255))
    canvas.alpha[:] = body.albedo[..., 0]


def _wheel(canvas: Canvas, rng: Rng, x: float) -> None:
    before = canvas.albedo.copy()
    canvas.disc(x, 0.31, 0.38, (10, 10, 10))
    canvas.disc(x, 0.31, 0.31, RUBBER)
    canvas.disc(x, 0.31, 0.2, vary(rng, (160, 162, 166)))
    canvas.disc(x, 0.31, 0.06, (60, 60, 60))
    low = canvas.window(0, 0, canvas.width, 0.62)
    canvas.alpha[low][np.any(canvas.albedo != before, axis=2)[low]] = 255
