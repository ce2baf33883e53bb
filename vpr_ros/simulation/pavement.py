# SPDX-License-Identifier: Apache-2.0
"""The ground: asphalt and cobbles, sidewalks, lane marks, and what happened to them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vpr_ros.simulation.canvas import Canvas, Color, Rng, cloud_noise, pick, shade, vary
from vpr_ros.simulation.geometry import Face, FloatArray, Image, Texture, face
from vpr_ros.simulation.plan import SIDEWALK_M, Point, TownPlan

SCALE = 30.0
TILE_M = 8.0
MARGIN_M = 0.5  # the ground reaches so far under the houses, because some stand back a little
ASPHALT: Color = (88, 88, 90)
SLABS: Color = (146, 142, 134)
PAINT: Color = (206, 206, 200)
KERB: Color = (176, 174, 168)


def ground(rng: Rng, plan: TownPlan) -> list[Face]:
    """The floor of all streets in square faces."""
    x_min, y_min, x_max, y_max = _bounds(plan)
    canvas = Canvas(x_max - x_min, y_max - y_min, SCALE, SLABS)
    _paint(canvas, rng, plan, (x_min, y_min))
    return [_tile(canvas.albedo, corner, (x_min, y_max)) for corner in _tile_corners(plan)]


def _bounds(plan: TownPlan) -> tuple[float, float, float, float]:
    x_min, y_min, x_max, y_max = plan.bounds()
    return x_min - MARGIN_M, y_min - MARGIN_M, x_max + MARGIN_M, y_max + MARGIN_M


def _tile_corners(plan: TownPlan) -> Iterator[Point]:
    """Upper left corners of the tiles that some street touches."""
    x_min, y_min, x_max, y_max = _bounds(plan)
    boxes = [_box(street, plan.half_street + MARGIN_M) for street in plan.streets()]
    for y in np.arange(y_max, y_min, -TILE_M):
        for x in np.arange(x_min, x_max, TILE_M):
            if any(b[0] < x + TILE_M and x < b[2] and b[1] < y and y - TILE_M < b[3]
                   for b in boxes):  # fmt: skip
                yield float(x), float(y)


def _tile(albedo: Image, corner: Point, origin: Point) -> Face:
    column, row = round((corner[0] - origin[0]) * SCALE), round((origin[1] - corner[1]) * SCALE)
    side = round(TILE_M * SCALE)
    part = np.ascontiguousarray(albedo[row : row + side, column : column + side])
    return face((*corner, 0.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0), Texture(part, SCALE))


def _box(street: tuple[Point, Point], half: float) -> tuple[float, float, float, float]:
    """(x_min, y_min, x_max, y_max) of a street with its crossings."""
    (x0, y0), (x1, y1) = street
    return min(x0, x1) - half, min(y0, y1) - half, max(x0, x1) + half, max(y0, y1) + half


def _paint(canvas: Canvas, rng: Rng, plan: TownPlan, origin: Point) -> None:
    lane = plan.half_street - SIDEWALK_M
    shape = canvas.alpha.shape[0], canvas.alpha.shape[1]
    _slabs(canvas, rng)
    for margin, color in ((lane + 0.16, KERB), (lane, ASPHALT)):
        for street in plan.streets():
            x0, y0, x1, y1 = np.subtract(_box(street, margin), (*origin, *origin)).tolist()
            canvas.box(x0, y0, x1 - x0, y1 - y0, color)
    for street in plan.streets():
        _wear(canvas, rng, _Street(street, origin, lane))
        _marks(canvas, rng, _Street(street, origin, lane))
    dirt = cloud_noise(rng, shape, 2.0 * SCALE, 6.0)
    dirt += cloud_noise(rng, shape, 0.25 * SCALE, 5.0)
    canvas.grain(dirt + cloud_noise(rng, shape, 1.0, 6.0))


def _slabs(canvas: Canvas, rng: Rng) -> None:
    """Cover everything with slabs half a meter wide; the roads come on top."""
    rows, columns = canvas.alpha.shape
    z, x = np.arange(rows)[:, None] / SCALE, np.arange(columns)[None, :] / SCALE
    tones = rng.normal(0, 9, (int(2 * canvas.height) + 2, int(2 * canvas.width) + 2))
    joint = (z % 0.5 < 0.03) | (x % 0.5 < 0.03)
    tone = tones.astype(np.float32)[(2 * z).astype(int), (2 * x).astype(int)]
    canvas.grain(np.where(joint, np.float32(-36), tone))


class _Street:
    """Coordinates of one street: `along` it and `left` of its center line, in meters."""

    def __init__(self, ends: tuple[Point, Point], origin: Point, lane: float) -> None:
        start, end = np.subtract(ends[0], origin), np.subtract(ends[1], origin)
        self.start, self.length = start, float(np.linalg.norm(end - start))
        self.forward: FloatArray = (end - start) / self.length
        self.lane = lane

    def at(self, along: float, left: float) -> Point:
        sideways = np.array([-self.forward[1], self.forward[0]])
        x, y = self.start + along * self.forward + left * sideways
        return float(x), float(y)

    def patch(self, along: float, left: float, size: tuple[float, float]) -> list[Point]:
        """The corners of a rectangle of size (along, across)."""
        long, wide = size
        return [self.at(along, left), self.at(along + long, left),
                self.at(along + long, left + wide), self.at(along, left + wide)]  # fmt: skip

    def anywhere(self, rng: Rng) -> Point:
        return rng.uniform(0, self.length), rng.uniform(-self.lane, self.lane)


def _wear(canvas: Canvas, rng: Rng, street: _Street) -> None:
    """Mended places, trenches, oil, cracks and manholes."""
    for _ in range(int(street.length / 2.5)):
        size = rng.uniform(0.5, 4.0), rng.uniform(0.4, 2.0)
        tone = shade(ASPHALT, rng.uniform(0.6, 1.35))
        canvas.polygon(street.patch(*street.anywhere(rng), size), tone)
    for _ in range(int(street.length / 2)):
        canvas.disc(*street.at(*street.anywhere(rng)), rng.uniform(0.1, 0.4), shade(ASPHALT, 0.7))
    for _ in range(int(street.length / 1.5)):
        _crack(canvas, rng, street)
    for _ in range(int(street.length / 9)):
        _manhole(canvas, rng, street.at(*street.anywhere(rng)))
    for _ in range(int(street.length * 2)):
        along, side = rng.uniform(0, street.length), rng.choice([-1, 1])
        litter = street.at(along, side * (street.lane + rng.normal(0, 0.5)))
        canvas.disc(*litter, rng.uniform(0.02, 0.1), pick(rng, ((140, 110, 50), (200, 196, 190))))


def _manhole(canvas: Canvas, rng: Rng, center: Point) -> None:
    canvas.disc(*center, 0.38, shade(ASPHALT, 0.5))
    canvas.disc(*center, 0.3, vary(rng, (110, 104, 98)))
    canvas.disc(*center, 0.12, shade(ASPHALT, 0.6))


def _crack(canvas: Canvas, rng: Rng, street: _Street) -> None:
    start = street.at(*street.anywhere(rng))
    steps = rng.normal(rng.normal(0, 0.12, 2), 0.12, (14, 2)).cumsum(axis=0) + start
    canvas.line([(x, y) for x, y in steps.tolist()], shade(ASPHALT, 0.55), 0.03)


def _marks(canvas: Canvas, rng: Rng, street: _Street) -> None:
    """The center line in dashes, parking bays, and zebra crossings at both ends."""
    margin = street.lane + 1.0
    for along in np.arange(margin + 3.5, street.length - margin - 4.5, 4.0):
        _worn(canvas, rng, street.patch(along, -0.06, (2.0, 0.12)))
    for along in np.arange(margin + 4.0, street.length - margin - 4.0, 5.6):
        for side in (-street.lane, street.lane - 2.0):
            _worn(canvas, rng, street.patch(along, side, (0.1, 2.0)))
    for along in (margin, street.length - margin - 2.4):
        for left in np.arange(-street.lane + 0.3, street.lane - 0.3, 1.0):
            _worn(canvas, rng, street.patch(along, left, (2.4, 0.5)))


def _worn(canvas: Canvas, rng: Rng, outline: list[Point]) -> None:
    canvas.polygon(outline, shade(PAINT, rng.uniform(0.75, 1.0)))
    for _ in range(4):
        first, second = rng.integers(0, 4, 2)
        t = rng.random()
        x = (1 - t) * outline[first][0] + t * outline[second][0]
        y = (1 - t) * outline[first][1] + t * outline[second][1]
        canvas.disc(x, y, rng.uniform(0.02, 0.09), ASPHALT)
