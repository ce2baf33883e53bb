# SPDX-License-Identifier: Apache-2.0
"""Rows of houses along the fronts of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vpr_ros.simulation.canvas import Rng, pick
from vpr_ros.simulation.geometry import Face, Solid, spanned, unit, upright
from vpr_ros.simulation.plan import Point
from vpr_ros.simulation.textures import (
    GROUND_FLOOR_M,
    FrontSize,
    awning,
    facade,
    hanging_sign,
    plain,
    roof,
    side_wall,
)
from vpr_ros.simulation.walls import BRICK

DEPTH_M = 4.5  # how far a house reaches back from its front; what lies behind is never seen


@dataclass(frozen=True)
class Lot:
    """The ground of one house: its front runs from `left` to `right` as seen from the street."""

    left: Point  # (x, y) meters in the map frame
    right: Point  # (x, y) meters in the map frame
    at_corner: tuple[bool, bool]  # whether its left, and its right end stands at a street corner

    def at(self, along: float, back: float) -> Point:
        """The ground point `along` meters right of the left end and `back` behind the front."""
        u = unit((self.right[0] - self.left[0], self.right[1] - self.left[1]))
        return (
            float(self.left[0] + along * u[0] - back * u[1]),
            float(self.left[1] + along * u[1] + back * u[0]),
        )

    @property
    def width(self) -> float:
        """Length of the front in meters."""
        return float(np.hypot(self.right[0] - self.left[0], self.right[1] - self.left[1]))


def row_of_houses(rng: Rng, start: Point, end: Point) -> list[Solid]:
    """Fill the front between two street corners with houses."""
    return [_house(rng, lot) for lot in _lots(rng, start, end)]


def _lots(rng: Rng, start: Point, end: Point) -> Iterator[Lot]:
    whole = Lot(start, end, (True, True))
    count = max(1, round(whole.width / 6.6))
    shares = rng.uniform(0.75, 1.25, count)
    ends = np.concatenate([[0.0], np.cumsum(shares / shares.sum()) * whole.width])
    for i in range(count):
        left, right = whole.at(float(ends[i]), 0), whole.at(float(ends[i + 1]), 0)
        yield Lot(left, right, (i == 0, i == count - 1))


def _house(rng: Rng, lot: Lot) -> Solid:
    storeys = int(rng.integers(2, 5))
    eaves = GROUND_FLOOR_M + (storeys - 1) * rng.uniform(2.6, 3.1)
    gable = rng.random() < 0.35
    rise = rng.uniform(0.7, 1.1) * (lot.width / 2 if gable else DEPTH_M * 0.8)
    size = FrontSize(lot.width, eaves, eaves + rise if gable else eaves, storeys)
    back = 0.0 if any(lot.at_corner) else float(rng.choice([0.0, 0.0, 0.15, 0.3]))
    faces = [_front(rng, lot, size, back), *_roof(rng, lot, size, back, rise)]
    faces += _sides(rng, lot, back, (eaves, eaves if gable else eaves + rise))
    faces += _chimney(rng, lot, eaves + 0.9 * rise)
    faces += _attachments(rng, lot, back)
    footprint = [lot.at(0, 0), lot.at(lot.width, 0), lot.at(lot.width, DEPTH_M), lot.at(0, DEPTH_M)]
    return Solid(faces, np.array(footprint), eaves + (0.4 * rise))


def _front(rng: Rng, lot: Lot, size: FrontSize, back: float) -> Face:
    width, shoulder = size.width, size.top - size.eaves
    outline = [(0.0, shoulder), (width, shoulder), (width, size.top), (0.0, size.top)]
    if shoulder > 0:
        outline.insert(1, (width / 2, 0.0))
    return upright(lot.at(0, back), lot.at(width, back), size.top, facade(rng, size), outline)


def _roof(rng: Rng, lot: Lot, size: FrontSize, back: float, rise: float) -> list[Face]:
    """One slope that rises from the eaves, or two that fall away from a gable's ridge."""
    low, ridge, width = size.eaves, size.eaves + rise, lot.width
    if size.top == size.eaves:
        texture = roof(rng, width, float(np.hypot(rise, DEPTH_M + 0.3)))
        upper_left, upper_right = (*lot.at(0, DEPTH_M), ridge), (*lot.at(width, DEPTH_M), ridge)
        return [spanned(upper_left, upper_right, (*lot.at(0, back - 0.3), low), texture)]
    slope = float(np.hypot(rise, width / 2))
    far, near = (*lot.at(width / 2, DEPTH_M), ridge), (*lot.at(width / 2, back), ridge)
    eaves = (*lot.at(0, DEPTH_M), low), (*lot.at(width, back), low)
    return [
        spanned(far, near, eaves[0], roof(rng, DEPTH_M, slope)),
        spanned(near, far, eaves[1], roof(rng, DEPTH_M, slope)),
    ]


def _sides(rng: Rng, lot: Lot, back: float, heights: tuple[float, float]) -> list[Face]:
    """Both side walls; `heights` are those at the front and at the back.

    At a street corner the side stands a little inside, so that it does not fight for the same
    pixels with the front around the corner.
    """
    texture = side_wall(rng, DEPTH_M, max(heights))
    low, high = max(heights) - heights[0], max(heights) - heights[1]
    bottom = max(heights)
    inset = [0.03 if corner else 0.0 for corner in lot.at_corner]
    first, last = inset[0], lot.width - inset[1]
    left = upright(
        lot.at(first, DEPTH_M + back), lot.at(first, back), bottom, texture,
        [(0, high), (DEPTH_M, low), (DEPTH_M, bottom), (0, bottom)],
    )  # fmt: skip
    right = upright(
        lot.at(last, back), lot.at(last, DEPTH_M + back), bottom, texture,
        [(0, low), (DEPTH_M, high), (DEPTH_M, bottom), (0, bottom)],
    )  # fmt: skip
    return [left, right]


def _chimney(rng: Rng, lot: Lot, top: float) -> list[Face]:
    if rng.random() < 0.3:
        return []
    at, wide, tall = rng.uniform(0.35, 0.6) * lot.width, rng.uniform(0.5, 1.0), 2.6
    back, deep = rng.uniform(2.4, 3.6), 0.6
    texture = plain(rng, 1.0, tall, pick(rng, BRICK))
    top += rng.uniform(0.2, 0.9)
    front = [lot.at(at, back), lot.at(at + wide, back)]
    rear = [lot.at(at, back + deep), lot.at(at + wide, back + deep)]
    sides = [(front[0], front[1]), (rear[0], front[0]), (front[1], rear[1])]
    return [
        spanned((*left, top), (*right, top), (*left, top - tall), texture) for left, right in sides
    ]


def _attachments(rng: Rng, lot: Lot, back: float) -> list[Face]:
    """What reaches out over the sidewalk."""
    faces: list[Face] = []
    if rng.random() < 0.5:
        faces += _hanging_sign(rng, lot, back)
    if rng.random() < 0.3:
        faces += _awning(rng, lot, back)
    return faces


def _hanging_sign(rng: Rng, lot: Lot, back: float) -> list[Face]:
    """Two faces, so that the sign reads the right way from both sides."""
    along, top = rng.uniform(0.1, 0.9) * lot.width, rng.uniform(3.4, 4.6)
    wide, tall = rng.uniform(0.7, 1.0), rng.uniform(0.8, 1.5)
    wall, tip = lot.at(along, back - 0.15), lot.at(along, back - 0.15 - wide)
    texture = hanging_sign(rng, wide, tall)
    return [upright(wall, tip, top, texture), upright(tip, wall, top, texture)]


def _awning(rng: Rng, lot: Lot, back: float) -> list[Face]:
    left = rng.uniform(0.2, 1.0)
    wide, out = lot.width - left - rng.uniform(0.2, 1.5), rng.uniform(0.8, 1.3)
    texture = awning(rng, wide, out + 0.2)
    wall = [(*lot.at(a, back), GROUND_FLOOR_M) for a in (left, left + wide)]
    rim = [lot.at(a, back - out) for a in (left, left + wide)]
    cloth = spanned(wall[0], wall[1], (*rim[0], 2.75), texture, two_sided=True)
    valance = spanned((*rim[0], 2.75), (*rim[1], 2.75), (*rim[0], 2.5), texture, two_sided=True)
    return [cloth, valance]
