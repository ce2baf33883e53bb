# SPDX-License-Identifier: Apache-2.0
"""What the simulated town is made of: flat, textured, convex faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Texture:
    """The look of a surface, before any light falls on it."""

    albedo: Image  # RGB, uint8 [H, W, 3]
    texels_per_meter: float  # scale, the same along rows and columns
    glow: Image | None = None  # what shines by itself once lamps are lit, uint8 [H, W, 3]
    alpha: Image | None = None  # 0 where the surface has a hole, uint8 [H, W]; None: nowhere

    @property
    def size_m(self) -> tuple[float, float]:
        """(width, height) in meters."""
        height, width = self.albedo.shape[:2]
        return width / self.texels_per_meter, height / self.texels_per_meter


@dataclass(frozen=True, eq=False)
class Face:
    """A convex flat piece of the town."""

    corners: FloatArray  # [N, 3] in the map frame, meters, in order around the face
    texture: Texture  # its look
    origin: FloatArray  # [3] where the upper left corner of the texture lies
    u_axis: FloatArray  # [3] unit vector along growing texture columns
    v_axis: FloatArray  # [3] unit vector along growing texture rows
    two_sided: bool = False  # whether it is also seen from behind

    @property
    def normal(self) -> FloatArray:
        """[3] unit vector toward the side from which the texture reads the right way."""
        return np.cross(self.v_axis, self.u_axis)


@dataclass(frozen=True, eq=False)
class Solid:
    """A thing that stands on the ground and throws a shadow: a house, a car."""

    faces: list[Face]  # what one sees of it
    footprint: FloatArray  # [4, 2] its corners on the ground, meters in the map frame
    height: float  # meters


def face(
    upper_left: Sequence[float] | FloatArray,  # [3] corner of the texture, meters
    u_axis: Sequence[float] | FloatArray,  # [3] direction of its columns; any length
    v_axis: Sequence[float] | FloatArray,  # [3] direction of its rows; any length
    texture: Texture,
    outline: Sequence[tuple[float, float]] | None = None,  # convex, (u, v) from there, meters
    *,
    two_sided: bool = False,  # whether it is also seen from behind
) -> Face:
    """A face that shows a texture, all of it or the part within an outline."""
    width, height = texture.size_m
    shape = outline or [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    origin, u, v = np.asarray(upper_left, float), unit(u_axis), unit(v_axis)
    corners = np.array([origin + a * u + b * v for a, b in shape])
    return Face(corners, texture, origin, u, v, two_sided)


def upright(
    left: tuple[float, float],
    right: tuple[float, float],
    top: float,
    texture: Texture,
    outline: Sequence[tuple[float, float]] | None = None,
    *,
    two_sided: bool = False,
) -> Face:
    """A vertical face whose left edge stands at `left` for who looks at its front."""
    u_axis = (right[0] - left[0], right[1] - left[1], 0.0)
    return face((*left, top), u_axis, -UP, texture, outline, two_sided=two_sided)


def unit(vector: Sequence[float] | FloatArray) -> FloatArray:
    """[3] the vector, scaled to length one."""
    array = np.asarray(vector, dtype=np.float64)
    return array / float(np.linalg.norm(array))


def spanned(
    upper_left: tuple[float, float, float],
    upper_right: tuple[float, float, float],
    lower_left: tuple[float, float, float],
    texture: Texture,
    *,
    two_sided: bool = False,
) -> Face:
    """A rectangle in space by three of its corners, as seen from its front."""
    u_axis, v_axis = np.subtract(upper_right, upper_left), np.subtract(lower_left, upper_left)
    width, height = float(np.linalg.norm(u_axis)), float(np.linalg.norm(v_axis))
    outline = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    return face(upper_left, u_axis, v_axis, texture, outline, two_sided=two_sided)
