# SPDX-License-Identifier: Apache-2.0
"""Facades, each unlike any other, and the other surfaces of a house.

Everything follows from the random generator that is passed in: the same seed paints
the same house.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpr_ros.simulation.canvas import Canvas, Color, Rng, pick, shade, vary
from vpr_ros.simulation.geometry import Texture
from vpr_ros.simulation.openings import (
    BRIGHT,
    FONTS,
    graffiti,
    paint_door,
    paint_garage,
    paint_shop,
    paint_window,
    poster,
    shop_name,
    window_style,
)
from vpr_ros.simulation.walls import paint_roof, paint_wall, weather

FACADE_SCALE = 50.0
SIDE_SCALE = 20.0
GROUND_FLOOR_M = 3.2


@dataclass(frozen=True)
class FrontSize:
    """The measures of a house front in meters."""

    width: float  # along the street
    eaves: float  # where the roof begins
    top: float  # highest point: the eaves, or the tip of a gable that faces the street
    storeys: int  # number of floors below the eaves


def facade(rng: Rng, size: FrontSize) -> Texture:
    """The front of a house, `size.width` by `size.top` meters."""
    canvas = Canvas(size.width, size.top, FACADE_SCALE, (0, 0, 0))
    wall = paint_wall(canvas, rng)
    _ornaments(canvas, rng, size, wall)
    _upper_floors(canvas, rng, size, wall)
    _ground_floor(canvas, rng, size, wall)
    _leftovers(canvas, rng, size)
    return canvas.texture(glow=True)


def _ornaments(canvas: Canvas, rng: Rng, size: FrontSize, wall: Color) -> None:
    """Bands between the floors, a base of another color, corner stones."""
    trim = shade(wall, rng.choice([0.7, 1.25]))
    if rng.random() < 0.6:
        canvas.box(0, 0, size.width, rng.uniform(0.4, 0.9), shade(wall, 0.6))
    canvas.box(0, size.eaves - 0.3, size.width, 0.3, trim)
    canvas.box(0, size.eaves - 0.36, size.width, 0.06, shade(wall, 0.45))
    if rng.random() < 0.5:
        canvas.box(0, GROUND_FLOOR_M, size.width, 0.16, trim)
    if rng.random() < 0.4:
        for step, z in enumerate(np.arange(0, size.eaves, 0.4)):
            long = 0.5 if step % 2 else 0.3
            canvas.box(0, z, long, 0.36, vary(rng, trim, 8))
            canvas.box(size.width - long, z, long, 0.36, vary(rng, trim, 8))


def _upper_floors(canvas: Canvas, rng: Rng, size: FrontSize, wall: Color) -> None:
    style = window_style(rng, wall)
    floor = (size.eaves - GROUND_FLOOR_M) / max(1, size.storeys - 1)
    count = max(1, int(size.width / (style.width * rng.uniform(1.5, 2.2) + 0.3)))
    pitch = size.width / count
    for storey in range(size.storeys - 1):
        for column in range(count):
            if rng.random() < 0.92:
                x = (column + 0.5) * pitch - style.width / 2 + rng.normal(0, 0.05)
                z = GROUND_FLOOR_M + storey * floor + 0.75
                paint_window(canvas, rng, x, z + rng.normal(0, 0.03), style)
    if size.top > size.eaves + 1.5:
        paint_window(canvas, rng, size.width / 2 - style.width / 2, size.eaves + 0.2, style)


def _ground_floor(canvas: Canvas, rng: Rng, size: FrontSize, wall: Color) -> None:
    kind, width = rng.random(), size.width
    if kind < 0.45 and width > 4.5:
        split = width - rng.uniform(1.5, 1.9) if width > 6.5 else width
        paint_shop(canvas, rng, 0.15, split - 0.3)
        if split < width:
            paint_door(canvas, rng, split + 0.3, 0.9)
        return
    door = rng.uniform(0.4, width - 1.6)
    if kind < 0.65 and width > 6.0:
        garage = 0.5 if door > width / 2 else width - 3.1
        paint_garage(canvas, rng, garage, 2.6)
        door = width - 2.0 if garage < 1 else 0.8
    else:
        _low_windows(canvas, rng, size, wall, door)
    paint_door(canvas, rng, door, rng.uniform(0.9, 1.2))


def _low_windows(canvas: Canvas, rng: Rng, size: FrontSize, wall: Color, door: float) -> None:
    style = window_style(rng, wall)
    x = rng.uniform(0.3, 0.7)
    while x + style.width < size.width - 0.2:
        if x + style.width < door - 0.5 or x > door + 1.9:
            paint_window(canvas, rng, x, 0.95, style)
        x += style.width + rng.uniform(0.5, 1.3)


def _leftovers(canvas: Canvas, rng: Rng, size: FrontSize) -> None:
    """What people and time have added since the house was built."""
    for _ in range(int(rng.integers(0, 4))):
        poster(canvas, rng, rng.uniform(0, size.width - 0.6), rng.uniform(0.6, 1.6))
    if rng.random() < 0.3:
        graffiti(canvas, rng, rng.uniform(0, size.width / 2), 0.3, rng.uniform(1.2, 2.5))
    if rng.random() < 0.6:
        pipe = rng.choice([0.08, size.width - 0.2])
        canvas.box(pipe, 0, 0.11, size.eaves, vary(rng, (110, 110, 108), 25))
        canvas.box(pipe + 0.11, 0, 0.04, size.eaves, (60, 58, 56))
    if rng.random() < 0.25:
        _ivy(canvas, rng, size)
    if rng.random() < 0.3:
        _painted_name(canvas, rng, size)


def _ivy(canvas: Canvas, rng: Rng, size: FrontSize) -> None:
    root, spread = rng.uniform(0, size.width), rng.uniform(0.5, 1.4)
    up = rng.uniform(2.5, size.eaves)
    for _ in range(int(170 * spread)):
        z = up * rng.random() ** 1.3
        x = root + rng.normal(0, spread * (0.35 + 0.65 * z / up))
        canvas.disc(x, z, rng.uniform(0.05, 0.14), pick(rng, ((40, 84, 36), (70, 110, 44))))


def _painted_name(canvas: Canvas, rng: Rng, size: FrontSize) -> None:
    """Big letters on the wall between two floors."""
    ink = pick(rng, BRIGHT)
    font, height = FONTS[int(rng.integers(len(FONTS)))], rng.uniform(0.3, 0.42)
    canvas.text(shop_name(rng).upper(), 0.3, GROUND_FLOOR_M + 0.2, height, ink, font)


def side_wall(rng: Rng, depth: float, top: float) -> Texture:
    """The side of a house, seen only where the neighbor is lower or stands back."""
    canvas = Canvas(depth, top, SIDE_SCALE, (0, 0, 0))
    paint_wall(canvas, rng)
    return canvas.texture()


def roof(rng: Rng, width: float, slope: float) -> Texture:
    """Roof tiles, `width` along the street and `slope` meters from eaves to ridge."""
    canvas = Canvas(width, slope, 30.0, (0, 0, 0))
    paint_roof(canvas, rng)
    return canvas.texture()


def plain(rng: Rng, width: float, height: float, color: Color) -> Texture:
    """A weathered surface of one color."""
    canvas = Canvas(width, height, SIDE_SCALE, color)
    weather(canvas, rng)
    return canvas.texture()


def hanging_sign(rng: Rng, width: float, height: float) -> Texture:
    """A shop sign that hangs across the sidewalk."""
    canvas = Canvas(width, height, FACADE_SCALE, pick(rng, BRIGHT))
    canvas.disc(width / 2, height * 0.6, 0.3 * width, pick(rng, BRIGHT))
    canvas.disc(width / 2, height * 0.6, 0.15 * width, pick(rng, BRIGHT))
    canvas.text(shop_name(rng)[:6], 0.06, 0.1, 0.16, (250, 250, 240), FONTS[0])
    canvas.frame(0.03, 0.03, width - 0.06, height - 0.06, (30, 30, 30), 0.03)
    canvas.glow[:] = canvas.albedo // 2
    return canvas.texture(glow=True)


def awning(rng: Rng, width: float, depth: float) -> Texture:
    """The striped cloth over a shop window."""
    first, second = pick(rng, BRIGHT), pick(rng, ((236, 232, 220), (200, 190, 170)))
    canvas = Canvas(width, depth, 30.0, first)
    stripe = rng.uniform(0.2, 0.5)
    for x in np.arange(0, width, 2 * stripe):
        canvas.box(x, 0, stripe, depth, second)
    weather(canvas, rng)
    return canvas.texture()
