# SPDX-License-Identifier: Apache-2.0
"""Faces with the textures that the light of a lap gives them, prepared for drawing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vpr_ros.simulation.geometry import Face, Image

NEAR_M = 0.25
"""What is closer to the camera is not drawn."""


class MipTexture:
    """A texture and its shrunken versions, made when first needed.

    Attributes:
        texels_per_meter: Of the full version.
        width: Meters.
        height: Meters.
    """

    def __init__(self, image: Image, alpha: Image | None, texels_per_meter: float) -> None:
        rows, columns = image.shape[:2]
        self.texels_per_meter = texels_per_meter
        self.width, self.height = columns / texels_per_meter, rows / texels_per_meter
        self._image, self._alpha = image, alpha
        self._levels: dict[tuple[int, int], tuple[Image, Image | None]] = {}

    def level(self, across: int, down: int) -> tuple[Image, Image | None]:
        """(image, alpha), halved `across` times along columns and `down` times along rows."""
        key = across, down
        if key not in self._levels:
            alpha = None if self._alpha is None else _shrink(self._alpha, key)
            self._levels[key] = _shrink(self._image, key), alpha
        return self._levels[key]


class Scene:
    """Faces with their baked textures, ready to be drawn.

    Attributes:
        faces: The surfaces.
        textures: What each shows under the light of the lap.
        corners: [F, N, 3] of all faces, the last one repeated where a face has fewer.
        normals: [F, 3] unit vectors.
        two_sided: [F] whether a face is also seen from behind.
    """

    def __init__(self, faces: Sequence[Face], images: Sequence[Image]) -> None:
        """Stack the corners of all faces, so that most can be sorted out at once."""
        self.faces = faces
        self.textures = [
            MipTexture(image, face.texture.alpha, face.texture.texels_per_meter)
            for face, image in zip(faces, images, strict=True)
        ]
        most = max(len(face.corners) for face in faces)
        padded = [np.pad(f.corners, ((0, most - len(f.corners)), (0, 0)), "edge") for f in faces]
        self.corners = np.stack(padded)
        self.normals = np.stack([face.normal for face in faces])
        self.two_sided = np.array([face.two_sided for face in faces])


def _shrink(image: Image, times: tuple[int, int]) -> Image:
    rows, columns = image.shape[:2]
    size = max(1, columns >> times[0]), max(1, rows >> times[1])
    if size == (columns, rows):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
