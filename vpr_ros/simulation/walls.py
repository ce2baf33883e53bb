# SPDX-License-Identifier: Apache-2.0
"""What walls and roofs are made of: plaster, bricks, stones, timber, cladding, tiles."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from vpr_ros.simulation.canvas import Canvas, Color, Rng, cloud_noise, pick, shade, vary

PLASTER: tuple[Color, ...] = (
    (222, 214, 196), (206, 178, 128), (196, 132, 104), (172, 186, 168), (150, 168, 190),
    (226, 202, 150), (214, 170, 160), (184, 178, 170), (232, 230, 222), (156, 120, 104),
)  # fmt: skip
BRICK: tuple[Color, ...] = ((150, 78, 60), (128, 66, 52), (176, 112, 80), (142, 108, 92))
STONE: tuple[Color, ...] = ((176, 166, 148), (150, 146, 142), (190, 172, 138))
WOOD: tuple[Color, ...] = ((84, 58, 40), (60, 48, 42), (110, 50, 40), (66, 80, 70))
ROOF: tuple[Color, ...] = ((140, 70, 52), (116, 62, 50), (84, 82, 86), (104, 92, 84))
Paint = Callable[[Canvas, Rng], Color]


def paint_wall(canvas: Canvas, rng: Rng) -> Color:
    """Cover a whole canvas with one of the materials, and return its color."""
    material: Paint = _MATERIALS[int(rng.choice(len(_MATERIALS), p=_FREQUENCY))]
    color = material(canvas, rng)
    weather(canvas, rng)
    return color


def weather(canvas: Canvas, rng: Rng) -> None:
    """Add what years leave on a surface: clouds of dirt, streaks, stains and grain."""
    shape = canvas.alpha.shape[0], canvas.alpha.shape[1]
    dirt = cloud_noise(rng, shape, 1.2 * canvas.scale, 7.0)
    dirt += cloud_noise(rng, shape, 0.2 * canvas.scale, 6.0)
    canvas.grain(dirt + cloud_noise(rng, shape, 1.0, 3.0))
    for _ in range(int(rng.integers(2, 6))):
        _streak(canvas, rng)


def _streak(canvas: Canvas, rng: Rng) -> None:
    x, z = rng.uniform(0, canvas.width), rng.uniform(0.3, 1.0) * canvas.height
    width, length = rng.uniform(0.08, 0.5), rng.uniform(0.6, 2.5)
    where = canvas.window(x, z - length, width, length)
    rows = where[0].stop - where[0].start
    columns = where[1].stop - where[1].start
    if rows > 0 and columns > 0:
        fade = np.linspace(-rng.uniform(8, 30), 0, rows, dtype=np.float32)
        canvas.grain(np.repeat(fade[:, None], columns, axis=1), where)


def _plaster(canvas: Canvas, rng: Rng) -> Color:
    color = pick(rng, PLASTER)
    canvas.albedo[:] = color
    for _ in range(int(rng.integers(0, 5))):
        _bare_patch(canvas, rng, color)
    for _ in range(int(rng.integers(1, 5))):
        _crack(canvas, rng, shade(color, 0.6))
    return color


def _bare_patch(canvas: Canvas, rng: Rng, color: Color) -> None:
    """A place where the plaster fell off or was mended in another tone."""
    x, z = rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)
    turns = np.sort(rng.uniform(0, 2 * np.pi, 9))
    radii = rng.uniform(0.15, 0.6, 9)
    outline = [(x + r * np.cos(t), z + r * np.sin(t)) for t, r in zip(turns, radii, strict=True)]
    canvas.polygon(outline, shade(color, rng.uniform(0.72, 1.15)))


def _crack(canvas: Canvas, rng: Rng, color: Color) -> None:
    start = [rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)]
    steps = rng.normal((0.0, 0.12), (0.1, 0.08), (10, 2)).cumsum(axis=0)
    canvas.line([(x, z) for x, z in (start + steps).tolist()], color, 0.02)


def _bricks(canvas: Canvas, rng: Rng) -> Color:
    color = pick(rng, BRICK)
    _courses(canvas, rng, color, (0.26, 0.09), 0.016)
    return color


def _stones(canvas: Canvas, rng: Rng) -> Color:
    color = pick(rng, STONE)
    size = (rng.uniform(0.5, 0.9), rng.uniform(0.28, 0.42))
    _courses(canvas, rng, color, size, 0.025)
    return color


def _courses(
    canvas: Canvas, rng: Rng, color: Color, size: tuple[float, float], joint: float
) -> None:
    """Lay bricks of size (w, h) with joints between them, all in meters."""
    rows, columns = canvas.alpha.shape
    z = np.arange(rows)[:, None] / canvas.scale
    course = (z / size[1]).astype(int)
    x = np.arange(columns)[None, :] / canvas.scale + size[0] * (course % 2) / 2
    brick = (x / size[0]).astype(int)
    tones = rng.normal(0, 13, (course.max() + 1, brick.max() + 1)).astype(np.float32)
    is_joint = (z % size[1] < joint) | (x % size[0] < joint)
    canvas.albedo[:] = color
    canvas.grain(np.where(is_joint, np.float32(28), tones[course, brick]))


def _timber(canvas: Canvas, rng: Rng) -> Color:
    """A half-timbered wall: plaster between posts, beams and braces."""
    color = pick(rng, ((226, 218, 200), (214, 190, 140), (200, 150, 120)))
    wood = pick(rng, WOOD)
    canvas.albedo[:] = color
    posts = np.cumsum(rng.uniform(0.7, 1.4, int(canvas.width) + 2)) - 0.6
    for level in np.arange(0, canvas.height, 1.45):
        canvas.box(0, level, canvas.width, 0.18, vary(rng, wood, 8))
        for left, right in pairwise(posts.tolist()):
            _bay(canvas, rng, (left, level, right), wood)
    return color


def _bay(canvas: Canvas, rng: Rng, at: tuple[float, float, float], wood: Color) -> None:
    left, bottom, right = at
    canvas.box(left, bottom, 0.16, 1.45, vary(rng, wood, 8))
    if rng.random() < 0.35:
        ends = (bottom, bottom + 1.45) if rng.random() < 0.5 else (bottom + 1.45, bottom)
        canvas.line([(left, ends[0]), (right, ends[1])], vary(rng, wood, 8), 0.14)


def _cladding(canvas: Canvas, rng: Rng) -> Color:
    """Boards, lying or standing."""
    color = pick(rng, (*WOOD, (190, 190, 180), (120, 140, 150)))
    canvas.albedo[:] = color
    board = rng.uniform(0.14, 0.3)
    upright = rng.random() < 0.5
    for at in np.arange(0, canvas.width if upright else canvas.height, board):
        x, z = (at, 0.0) if upright else (0.0, at)
        w, h = (board, canvas.height) if upright else (canvas.width, board)
        canvas.box(x, z, w, h, vary(rng, color, 9))
        joint = (0.02, h) if upright else (w, 0.02)
        canvas.box(x, z, joint[0], joint[1], shade(color, 0.6))
    return color


def paint_roof(canvas: Canvas, rng: Rng) -> None:
    """Cover a canvas with tiles in courses, some replaced by newer ones, with moss."""
    color = pick(rng, ROOF)
    _courses(canvas, rng, color, (0.3, 0.34), 0.03)
    for _ in range(int(rng.integers(0, 4))):
        x, z = rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)
        canvas.box(x, z, rng.uniform(0.3, 1.5), rng.uniform(0.3, 1.0), vary(rng, color, 25))
    if rng.random() < 0.5:
        _skylight(canvas, rng)
    weather(canvas, rng)


def _skylight(canvas: Canvas, rng: Rng) -> None:
    x, z = rng.uniform(0.5, max(0.6, canvas.width - 1.5)), rng.uniform(0.8, canvas.height / 2)
    canvas.frame(x, z, 0.8, 1.1, (60, 60, 62), 0.07)
    canvas.box(x, z, 0.8, 1.1, vary(rng, (150, 175, 200), 15))


_MATERIALS: tuple[Paint, ...] = (_plaster, _bricks, _stones, _timber, _cladding)
_FREQUENCY = (0.4, 0.25, 0.12, 0.13, 0.1)
