# SPDX-License-Identifier: Apache-2.0
"""Windows, doors, garages and shop fronts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vpr_ros.simulation.canvas import Canvas, Color, Rng, cloud_noise, pick, shade, vary
from vpr_ros.simulation.walls import PLASTER, WOOD

FRAMES: tuple[Color, ...] = ((236, 234, 228), (90, 64, 44), (60, 66, 70), (70, 96, 84))
BRIGHT: tuple[Color, ...] = (
    (190, 40, 36), (28, 80, 150), (24, 110, 70), (226, 176, 30), (40, 40, 44), (236, 232, 220),
    (120, 40, 96), (220, 110, 30), (60, 150, 160),
)  # fmt: skip
FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
         cv2.FONT_HERSHEY_COMPLEX)  # fmt: skip
SYLLABLES = ("ka", "lo", "mi", "ter", "ban", "del", "ro", "sen", "vi", "gra", "hol", "mo", "pe",
             "ri", "sta", "tu", "wen", "zi", "bru", "fa")  # fmt: skip
TRADES = ("Cafe", "Bakery", "Books", "Hotel", "Bar", "Shoes", "Flowers", "Optics", "Pharmacy",
          "Bikes", "Tea", "Wine", "Music")  # fmt: skip
WARM: Color = (255, 196, 120)


@dataclass(frozen=True)
class WindowStyle:
    """What the windows of one house have in common (meters)."""

    width: float
    height: float
    panes: tuple[int, int]
    frame: Color
    trim: Color
    shutters: Color | None
    sill: bool
    arched: bool


def window_style(rng: Rng, wall: Color) -> WindowStyle:
    """The style in which a builder made all windows of a house."""
    return WindowStyle(
        width=float(rng.uniform(0.8, 1.4)),
        height=float(rng.uniform(1.1, 1.8)),
        panes=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        frame=pick(rng, FRAMES),
        trim=shade(wall, float(rng.choice([0.65, 1.3]))),
        shutters=pick(rng, (*WOOD, *BRIGHT)) if rng.random() < 0.35 else None,
        sill=bool(rng.random() < 0.7),
        arched=bool(rng.random() < 0.2),
    )


def paint_window(canvas: Canvas, rng: Rng, x: float, z: float, style: WindowStyle) -> None:
    """Put a window's lower left corner at (x, z); no two get the same curtains and pots."""
    w, h = style.width, style.height
    canvas.frame(x, z, w, h, style.trim, 0.12)
    if style.arched:
        canvas.disc(x + w / 2, z + h, w / 2 + 0.1, style.trim)
        canvas.disc(x + w / 2, z + h, w / 2 - 0.03, shade(style.trim, 0.75))
    _glass(canvas, rng, x, z, w, h)
    _panes(canvas, x, z, style)
    if style.sill:
        canvas.box(x - 0.18, z - 0.2, w + 0.36, 0.12, shade(style.trim, 1.15))
        canvas.box(x - 0.18, z - 0.26, w + 0.36, 0.06, shade(style.trim, 0.5))
    if style.shutters is not None:
        _shutters(canvas, rng, x, z, style)
    if rng.random() < 0.3:
        _flower_box(canvas, rng, x, z, w)


def _glass(canvas: Canvas, rng: Rng, x: float, z: float, w: float, h: float) -> None:
    dark = vary(rng, (50, 60, 72), 14)
    canvas.box(x, z, w, h, dark)
    top = rng.uniform(0.3, 0.9) * h
    canvas.polygon([(x, z + h), (x + w, z + h), (x + w, z + h - top / 2), (x, z + h - top)],
                   shade(dark, rng.uniform(1.3, 2.4)))  # fmt: skip
    kind = rng.random()
    if kind < 0.35:
        _curtains(canvas, rng, x, z, w, h)
    elif kind < 0.6:
        blind = rng.uniform(0.2, 0.95) * h
        canvas.box(x, z + h - blind, w, blind, pick(rng, PLASTER))
    if rng.random() < 0.3:
        lit = shade(WARM, rng.uniform(0.5, 0.95))
        canvas.shine(x, z, w, h * rng.uniform(0.5, 1.0), lit)


def _curtains(canvas: Canvas, rng: Rng, x: float, z: float, w: float, h: float) -> None:
    cloth = pick(rng, (*PLASTER, *BRIGHT))
    left, right = rng.uniform(0.1, 0.45, 2) * w
    canvas.box(x, z, left, h, cloth)
    canvas.box(x + w - right, z, right, h, cloth)
    for fold in np.arange(0.05, left, 0.1):
        canvas.box(x + fold, z, 0.03, h, shade(cloth, 0.75))


def _panes(canvas: Canvas, x: float, z: float, style: WindowStyle) -> None:
    w, h = style.width, style.height
    columns, rows = style.panes
    canvas.frame(x + 0.05, z + 0.05, w - 0.1, h - 0.1, style.frame, 0.06)
    for i in range(1, columns):
        canvas.box(x + i * w / columns - 0.025, z, 0.05, h, style.frame)
    for i in range(1, rows):
        canvas.box(x, z + i * h / rows - 0.025, w, 0.05, style.frame)


def _shutters(canvas: Canvas, rng: Rng, x: float, z: float, style: WindowStyle) -> None:
    color = style.shutters or (0, 0, 0)
    wing = style.width / 2
    for left in (x - wing - 0.14, x + style.width + 0.14):
        if rng.random() < 0.85:
            canvas.box(left, z, wing, style.height, color)
            for slat in np.arange(0.1, style.height - 0.1, 0.12):
                canvas.box(left + 0.06, z + slat, wing - 0.12, 0.04, shade(color, 0.6))


def _flower_box(canvas: Canvas, rng: Rng, x: float, z: float, w: float) -> None:
    canvas.box(x, z - 0.15, w, 0.2, pick(rng, WOOD))
    for _ in range(int(12 * w)):
        at = (x + rng.uniform(0, w), z + rng.uniform(0.0, 0.3))
        leaf: Color = (50, 110, 50)
        canvas.disc(*at, rng.uniform(0.03, 0.08), pick(rng, (leaf, leaf, *BRIGHT)))


def paint_door(canvas: Canvas, rng: Rng, x: float, w: float) -> None:
    """Put a house door of width w at x, with steps, panels, number and mailbox."""
    color = pick(rng, (*WOOD, *BRIGHT))
    h = rng.uniform(2.1, 2.6)
    canvas.frame(x, 0.15, w, h, vary(rng, (200, 194, 180)), 0.14)
    canvas.box(x - 0.2, 0, w + 0.4, 0.15, vary(rng, (150, 146, 140)))
    canvas.box(x, 0.15, w, h, color)
    for low, high in ((0.1, 0.4), (0.48, 0.7)):
        for left in (0.1, 0.55):
            canvas.box(x + left * w, 0.15 + low * h, 0.35 * w, (high - low) * h, shade(color, 0.7))
    canvas.box(x + 0.1 * w, 0.15 + 0.78 * h, 0.8 * w, 0.18 * h, vary(rng, (70, 84, 96)))
    canvas.disc(x + 0.88 * w, 0.15 + 0.45 * h, 0.05, (220, 200, 120))
    canvas.box(x + w + 0.2, 1.5, 0.32, 0.24, (30, 50, 110))
    canvas.text(str(rng.integers(1, 99)), x + w + 0.22, 1.54, 0.16, (240, 240, 240), FONTS[0])
    canvas.box(x + w + 0.22, 1.0, 0.28, 0.36, vary(rng, (120, 120, 124), 30))


def paint_garage(canvas: Canvas, rng: Rng, x: float, w: float) -> None:
    """Put a garage door of width w at x."""
    color = pick(rng, (*FRAMES, *BRIGHT))
    canvas.frame(x, 0, w, 2.3, (110, 106, 100), 0.12)
    canvas.box(x, 0, w, 2.3, color)
    for bar in np.arange(0.2, 2.3, rng.uniform(0.15, 0.5)):
        canvas.box(x, bar, w, 0.03, shade(color, 0.7))
    if rng.random() < 0.6:
        graffiti(canvas, rng, x, 0.5, w)


def graffiti(canvas: Canvas, rng: Rng, x: float, z: float, w: float) -> None:
    """Spray a tag about 1 m high onto a wall."""
    color = pick(rng, BRIGHT)
    count = int(rng.integers(8, 16))
    along = np.linspace(x + 0.1, x + 0.85 * w, count) + rng.normal(0, 0.12, count)
    up = z + rng.uniform(0.1, 1.0, count)
    stroke = list(zip(along.tolist(), up.tolist(), strict=True))
    canvas.line(stroke, color, rng.uniform(0.06, 0.14))
    canvas.line(stroke, shade(color, 1.6), 0.03)


def shop_name(rng: Rng) -> str:
    """A name nobody else in the town has, more or less."""
    name = "".join(rng.choice(SYLLABLES, int(rng.integers(2, 4)))).capitalize()
    return f"{name} {rng.choice(TRADES)}" if rng.random() < 0.6 else name


def paint_shop(canvas: Canvas, rng: Rng, x: float, w: float) -> None:
    """Put a shop front of width w at x: window with goods, posters, and a sign above."""
    body = pick(rng, BRIGHT)
    canvas.box(x, 0, w, 3.0, body)
    canvas.box(x, 0, w, 0.35, shade(body, 0.6))
    door = rng.uniform(0.75, 0.95)
    at_left = rng.random() < 0.5
    glass = x + 0.2 + (door + 0.2 if at_left else 0.0)
    _show_window(canvas, rng, glass, w - door - 0.6)
    entry = x + 0.2 if at_left else x + w - door - 0.2
    canvas.box(entry, 0.1, door, 2.2, vary(rng, (60, 70, 80)))
    canvas.frame(entry, 0.1, door, 2.2, shade(body, 1.5), 0.06)
    canvas.shine(entry, 0.3, door, 1.9, shade(WARM, 0.5))
    _sign(canvas, rng, x, w, body)


def _show_window(canvas: Canvas, rng: Rng, x: float, w: float) -> None:
    canvas.box(x, 0.5, w, 1.85, vary(rng, (96, 100, 104), 20))
    canvas.shine(x, 0.5, w, 1.85, shade(WARM, rng.uniform(0.3, 0.8)))
    for _ in range(int(7 * w)):
        left, shelf = x + rng.uniform(0, max(0.1, w - 0.4)), 0.5 + rng.choice([0.0, 0.6, 1.15])
        wide, tall = rng.uniform(0.12, 0.45, 2)
        canvas.box(left, shelf, wide, tall, pick(rng, (*BRIGHT, *PLASTER)))
    where = canvas.window(x, 0.5, w, 1.85)
    shape = where[0].stop - where[0].start, where[1].stop - where[1].start
    if min(shape) > 1:
        canvas.grain(cloud_noise(rng, shape, 0.3 * canvas.scale, 9), where)
    canvas.frame(x, 0.5, w, 1.85, vary(rng, (210, 208, 200)), 0.07)
    if rng.random() < 0.6:
        poster(canvas, rng, x + rng.uniform(0, max(0.1, w - 0.7)), 1.0)


def _sign(canvas: Canvas, rng: Rng, x: float, w: float, body: Color) -> None:
    board, ink = pick(rng, BRIGHT), pick(rng, BRIGHT)
    if abs(sum(board) - sum(ink)) < 200:
        ink = (250, 246, 230) if sum(board) < 380 else (20, 24, 30)
    canvas.box(x, 2.5, w, 0.55, board)
    canvas.frame(x, 2.5, w, 0.55, shade(body, 0.5), 0.04)
    canvas.text(shop_name(rng), x + 0.15, 2.62, 0.3, ink, FONTS[int(rng.integers(len(FONTS)))])
    canvas.shine(x, 2.5, w, 0.55, shade(board, 0.6))


def poster(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """Glue a poster of about 0.6 x 0.9 m to a wall, its lower left corner at (x, z)."""
    w, h = rng.uniform(0.4, 0.7), rng.uniform(0.6, 1.0)
    canvas.box(x, z, w, h, pick(rng, (*PLASTER, *BRIGHT)))
    for _ in range(int(rng.integers(2, 6))):
        at = x + rng.uniform(0.1, 0.9) * w, z + rng.uniform(0.2, 0.9) * h
        canvas.disc(*at, rng.uniform(0.03, 0.15), pick(rng, BRIGHT))
    for line in np.arange(0.06, 0.3, 0.09):
        canvas.box(x + 0.05, z + line, w * rng.uniform(0.3, 0.85), 0.04, (40, 40, 40))
