# SPDX-License-Identifier: Apache-2.0
"""The simulated town: houses, trees and lamps that stand there always, and the cars of one lap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vpr_ros.simulation.canvas import BLACK, Canvas, Color, Rng, pick
from vpr_ros.simulation.cars import Place, park
from vpr_ros.simulation.geometry import Face, FloatArray, Solid, Texture, unit, upright
from vpr_ros.simulation.houses import row_of_houses
from vpr_ros.simulation.openings import BRIGHT, WARM, poster
from vpr_ros.simulation.pavement import ground
from vpr_ros.simulation.plan import SIDEWALK_M, Point, TownPlan

LAMP_HEIGHT_M = 4.6
LEAVES: tuple[Color, ...] = ((64, 96, 40), (90, 120, 50), (44, 76, 40), (120, 130, 60))
BARK: Color = (82, 66, 52)


@dataclass(frozen=True, eq=False)
class Town:
    """Everything that both laps have in common."""

    plan: TownPlan  # where the streets run
    faces: list[Face]  # all surfaces
    houses: list[Solid]  # the houses, whose faces are among the above
    lamps: FloatArray  # [N, 3] the bulbs of the street lamps, meters in the map frame


def build_town(plan: TownPlan, seed: int) -> Town:
    """Build a town; the same plan and seed give the same town."""
    rng = np.random.default_rng([seed, 0])
    houses = [house for front in plan.fronts() for house in row_of_houses(rng, *front)]
    faces = [face for house in houses for face in house.faces]
    faces += ground(rng, plan)
    bulbs: list[tuple[float, float, float]] = []
    for at, toward, is_lamp in _posts(rng, plan):
        faces += _lamp(rng, at, toward) if is_lamp else _tree(rng, at)
        if is_lamp:
            x, y = np.add(at, 1.1 * unit(np.subtract(toward, at)))
            bulbs.append((float(x), float(y), LAMP_HEIGHT_M - 0.3))
    return Town(plan, faces, houses, np.array(bulbs).reshape(-1, 3))


def parked_cars(plan: TownPlan, seed: int, lap: int) -> list[Solid]:
    """The cars that stand at the kerbs during a lap; every lap has its own."""
    rng = np.random.default_rng([seed, 1, lap])
    kerb = plan.half_street - SIDEWALK_M
    cars = []
    for start, end in plan.streets():
        for side in (-1.0, 1.0):
            cars += [park(rng, place) for place in _bays(rng, (start, end), side, kerb)]
    return cars


def all_faces(town: Town, cars: Sequence[Solid]) -> list[Face]:
    """The surfaces of the town with the cars of one lap."""
    return [*town.faces, *(face for car in cars for face in car.faces)]


def _bays(rng: Rng, street: tuple[Point, Point], side: float, kerb: float) -> Iterator[Place]:
    """Places of cars along one kerb; some bays stay empty, and all cars face the traffic."""
    start, forward, length = _axis(street)
    left = np.array([-forward[1], forward[0]])
    heading = float(np.arctan2(forward[1], forward[0])) + (np.pi if side > 0 else 0.0)
    along = kerb + 4.0 + rng.uniform(0, 3)
    while along + 5.0 < length - kerb - 4.0:
        if rng.random() < 0.6:
            front = along + (4.6 if side < 0 else 0.0)
            x, y = start + front * forward + side * (kerb - 1.0 + rng.normal(0, 0.06)) * left
            yield Place(float(x), float(y), heading + float(rng.normal(0, 0.015)))
        along += 5.2 + rng.uniform(0, 1.5)


def _posts(rng: Rng, plan: TownPlan) -> Iterator[tuple[Point, Point, bool]]:
    """(foot, the point of the road beside it, lamp or tree) along the edges of the sidewalks."""
    kerb = plan.half_street - SIDEWALK_M + 0.35
    for street in plan.streets():
        start, forward, length = _axis(street)
        left = np.array([-forward[1], forward[0]])
        side = float(rng.choice([-1.0, 1.0]))
        for i, along in enumerate(np.arange(kerb + 3.0, length - kerb - 2.5, 6.5)):
            is_lamp = i % 2 == 0
            if is_lamp or rng.random() < 0.4:
                side = -side
                middle = start + (along + rng.uniform(-0.8, 0.8)) * forward
                yield _point(middle + side * kerb * left), _point(middle), is_lamp


def _axis(street: tuple[Point, Point]) -> tuple[FloatArray, FloatArray, float]:
    """(start, unit vector along, length) of a street."""
    start, end = np.asarray(street[0], float), np.asarray(street[1], float)
    return start, unit(end - start), float(np.linalg.norm(end - start))


def _point(array: FloatArray) -> Point:
    x, y = array.tolist()
    return x, y


def _tree(rng: Rng, at: Point) -> list[Face]:
    """A tree of three cut-outs that cross in its trunk."""
    height, crown = rng.uniform(4.5, 6.5), rng.uniform(2.2, 3.4)
    textures = [_cut_out_tree(rng, height, crown) for _ in range(3)]
    turn = rng.uniform(0, np.pi)
    angles = [turn + i * np.pi / 3 for i in range(3)]
    return [
        _standing(at, angle, crown, height, texture)
        for angle, texture in zip(angles, textures, strict=True)
    ]


def _standing(at: Point, angle: float, width: float, height: float, texture: Texture) -> Face:
    dx, dy = float(np.cos(angle)) * width / 2, float(np.sin(angle)) * width / 2
    left, right = (at[0] - dx, at[1] - dy), (at[0] + dx, at[1] + dy)
    return upright(left, right, height, texture, two_sided=True)


def _cut_out_tree(rng: Rng, height: float, crown: float) -> Texture:
    canvas = Canvas(crown, height, 40.0, BLACK)
    canvas.box(crown / 2 - 0.12, 0, 0.24, height * 0.6, pick(rng, (BARK,)))
    for _ in range(5):
        tip = (crown * rng.uniform(0.15, 0.85), height * rng.uniform(0.5, 0.9))
        canvas.line([(crown / 2, height * rng.uniform(0.25, 0.45)), tip], BARK, 0.06)
    middle, radius = height - crown * 0.55, crown * 0.46
    for _ in range(420):
        turn, far = rng.uniform(0, 2 * np.pi), radius * np.sqrt(rng.random())
        x, z = crown / 2 + far * np.cos(turn), middle + 1.1 * far * np.sin(turn)
        canvas.disc(x, z, rng.uniform(0.05, 0.15), pick(rng, LEAVES))
    canvas.alpha[:] = np.where(canvas.albedo.any(axis=2), 255, 0)
    return canvas.texture(alpha=True)


def _lamp(rng: Rng, at: Point, toward: Point) -> list[Face]:
    """A street lamp at a point, its arm reaching toward another point over the road."""
    arm = 1.3
    canvas = Canvas(2 * arm, LAMP_HEIGHT_M + 0.1, 50.0, BLACK)
    steel = pick(rng, ((70, 74, 72), (50, 60, 54)))
    canvas.box(arm - 0.07, 0, 0.14, LAMP_HEIGHT_M, steel)
    canvas.box(arm - 0.12, 0, 0.24, 0.9, steel)
    canvas.box(arm, LAMP_HEIGHT_M - 0.12, arm, 0.08, steel)
    canvas.box(2 * arm - 0.5, LAMP_HEIGHT_M - 0.26, 0.48, 0.16, (230, 228, 214))
    canvas.shine(2 * arm - 0.5, LAMP_HEIGHT_M - 0.26, 0.48, 0.16, WARM)
    if rng.random() < 0.5:
        poster(canvas, rng, arm - 0.25, 1.8)
    canvas.alpha[:] = np.where(canvas.albedo.any(axis=2), 255, 0)
    texture = canvas.texture(glow=True, alpha=True)
    angle = float(np.arctan2(toward[1] - at[1], toward[0] - at[0]))
    across = _sign_post(rng, at, angle)
    return [_standing(at, angle, 2 * arm, LAMP_HEIGHT_M + 0.1, texture), across]


def _sign_post(rng: Rng, at: Point, angle: float) -> Face:
    """The second cut-out of a lamp: the same post, with a traffic sign on it or without."""
    canvas = Canvas(0.7, LAMP_HEIGHT_M, 50.0, BLACK)
    canvas.box(0.28, 0, 0.14, LAMP_HEIGHT_M, (64, 70, 68))
    if rng.random() < 0.6:
        canvas.disc(0.35, 2.4, 0.33, pick(rng, BRIGHT))
        canvas.disc(0.35, 2.4, 0.24, (236, 234, 228))
        canvas.box(0.2, 2.36, 0.3, 0.08, pick(rng, BRIGHT))
    canvas.alpha[:] = np.where(canvas.albedo.any(axis=2), 255, 0)
    return _standing(at, angle + np.pi / 2, 0.7, LAMP_HEIGHT_M, canvas.texture(alpha=True))
