# SPDX-License-Identifier: Apache-2.0
"""The simulated town: what stands there always, and the cars of one lap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vpr_ros.simulation.canvas import Rng
from vpr_ros.simulation.cars import Place, park
from vpr_ros.simulation.geometry import Face, FloatArray, Solid, unit
from vpr_ros.simulation.houses import row_of_houses
from vpr_ros.simulation.pavement import ground
from vpr_ros.simulation.plan import SIDEWALK_M, Point, TownPlan
from vpr_ros.simulation.sidewalk import LAMP_HEIGHT_M, lamp, tree


@dataclass(frozen=True, eq=False)
class Town:
    """Everything that both laps have in common.

    Attributes:
        plan: Where the streets run.
        faces: All surfaces.
        houses: The houses, whose faces are among the above.
        lamps: [N, 3] the bulbs of the street lamps, meters in the map frame.
    """

    plan: TownPlan
    faces: list[Face]
    houses: list[Solid]
    lamps: FloatArray


def build_town(plan: TownPlan, seed: int) -> Town:
    """Build a town; the same plan and seed give the same town."""
    rng = np.random.default_rng([seed, 0])
    houses = [house for front in plan.fronts() for house in row_of_houses(rng, *front)]
    faces = [face for house in houses for face in house.faces]
    faces += ground(rng, plan)
    bulbs: list[tuple[float, float, float]] = []
    for at, toward, is_lamp in _posts(rng, plan):
        faces += lamp(rng, at, toward) if is_lamp else tree(rng, at)
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


def all_faces(town: Town, cars: Sequence[Solid]) -> list[Face]:
    """The surfaces of the town with the cars of one lap."""
    return [*town.faces, *(face for car in cars for face in car.faces)]
