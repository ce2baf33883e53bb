# SPDX-License-Identifier: Apache-2.0
"""Two views of one photo, as two cameras would have it, and which pixel is which.

A view is a part of the photo, from another angle: a homography. Its light, weather and what stands
in the way are another matter: see ``appearance``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.config.setting import setting
from vpr_ros.datatypes import ImageArray

Matrix = NDArray[np.float64]  # [3, 3] homography


@dataclass(frozen=True)
class ViewRecipe:
    """How far apart two views may be."""

    least_share: float = setting(
        0.45, "Least share of the photo's width and height in a view", minimum=0.1, maximum=1.0
    )
    stretch: float = setting(
        0.15, "Largest logarithm of a change of the aspect ratio", minimum=0.0, maximum=1.0
    )
    roll: float = setting(0.12, "Largest rotation in the image, radians", minimum=0.0, maximum=3.2)
    tilt: float = setting(
        0.12, "Largest shift of a view's corner, part of its side", minimum=0.0, maximum=0.4
    )
    flip: float = setting(0.5, "Share of photos mirrored, both views alike", minimum=0.0, maximum=1)


class View(NamedTuple):
    """A view of a photo."""

    image: ImageArray  # [H, W, 3]
    view_T_photo: Matrix  # pixels of the photo to pixels of the view, from the images' edges


def pair_of_views(
    photos: tuple[ImageArray, ImageArray],  # RGB [H, W, 3]; both are mirrored or none is
    size: tuple[int, int],  # width and height of the views, pixels
    recipe: ViewRecipe,
    random: np.random.Generator,
) -> tuple[View, View]:
    """Two views of one photo, or of two photos of a place."""
    step = -1 if random.random() < recipe.flip else 1
    first, second = (
        _view(np.ascontiguousarray(each[:, ::step]), size, recipe, random) for each in photos
    )
    return first, second


def second_T_first(first: View, second: View) -> Matrix:
    """Pixels of one view to pixels of another view of the same photo."""
    matrix = second.view_T_photo @ np.linalg.inv(first.view_T_photo)
    return np.asarray(matrix / matrix[2, 2])


def _view(
    photo: ImageArray, size: tuple[int, int], recipe: ViewRecipe, random: np.random.Generator
) -> View:
    height, width = photo.shape[:2]
    corners = _corners((width, height), recipe, random)
    target = np.array([(0, 0), (size[0], 0), size, (0, size[1])], np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(corners.astype(np.float32), target), np.float64)
    # OpenCV counts from the center of the first pixel, this package from the image's edge.
    half = _shifted(0.5)
    of_centers = np.linalg.inv(half) @ matrix @ half
    softened = _softened(photo, float(np.linalg.norm(corners[1] - corners[0])) / size[0])
    image = cv2.warpPerspective(
        softened, of_centers, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return View(np.asarray(image, np.uint8), matrix)


def _corners(
    size: tuple[int, int], recipe: ViewRecipe, random: np.random.Generator
) -> NDArray[np.float64]:
    """What part of a photo the view shows: its corners, clockwise from the upper left, [4, 2]."""
    width, height = size
    share = random.uniform(recipe.least_share, 1.0)
    stretch = math.exp(random.uniform(-recipe.stretch, recipe.stretch) / 2)
    sides = np.array([min(share * stretch, 1.0) * width, min(share / stretch, 1.0) * height])
    center = np.array([width, height]) / 2 + (np.array(size) - sides) * random.uniform(-0.5, 0.5, 2)
    box = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    box = (box + random.uniform(-recipe.tilt, recipe.tilt, (4, 2))) * sides
    angle = random.uniform(-recipe.roll, recipe.roll)
    turned = np.array([(math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))])
    corners = box @ turned + center
    return np.asarray(np.clip(corners, -0.08 * np.array(size), 1.08 * np.array(size)))


def _softened(photo: ImageArray, shrinking: float) -> ImageArray:
    """Against moire: a photo that is to be shrunk by a factor, blurred by half as many pixels."""
    if shrinking < 1.2:
        return photo
    sigma = 0.4 * math.sqrt(shrinking**2 - 1.0)
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), sigma), np.uint8)


def _shifted(by: float) -> Matrix:
    return np.array([(1.0, 0.0, by), (0.0, 1.0, by), (0.0, 0.0, 1.0)])
