# SPDX-License-Identifier: Apache-2.0
"""What stands on the sidewalks: trees and street lamps."""

from __future__ import annotations

import numpy as np

from vpr_ros.simulation.canvas import BLACK, Canvas, Color, Rng, pick
from vpr_ros.simulation.geometry import Face, Texture, upright
from vpr_ros.simulation.openings import BRIGHT, WARM, poster
from vpr_ros.simulation.plan import Point

LAMP_HEIGHT_M = 4.6
LEAVES: tuple[Color, ...] = ((64, 96, 40), (90, 120, 50), (44, 76, 40), (120, 130, 60))
BARK: Color = (82, 66, 52)


def tree(rng: Rng, at: Point) -> list[Face]:
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


def lamp(rng: Rng, at: Point, toward: Point) -> list[Face]:
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
