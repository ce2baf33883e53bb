# SPDX-License-Identifier: Apache-2.0
"""Draws what a pinhole camera sees of a scene.

Every face is warped into the image by its homography. Against aliasing, the image is drawn at
twice its size, and textures are shrunk along columns and rows separately, because a street
shows most walls at a grazing angle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np

from vpr_ros.simulation.camera import Camera
from vpr_ros.simulation.frame_buffer import FrameBuffer, MipTexture, Piece
from vpr_ros.simulation.geometry import Face, FloatArray, Image

SUPERSAMPLING = 2
NEAR_M = 0.25  # what is closer to the camera is not drawn
DEPTH_RATIO = 1.6
"""Within one slice, the far end is at most this much further away than the near one."""


class Scene:
    """Faces with what each shows under the light of a lap, ready to be drawn."""

    def __init__(self, faces: Sequence[Face], images: Sequence[Image]) -> None:
        """Stack the corners of all faces, so that most can be sorted out at once."""
        self.faces = faces
        self.textures = [
            MipTexture(image, face.texture.alpha, face.texture.texels_per_meter)
            for face, image in zip(faces, images, strict=True)
        ]
        most = max(len(face.corners) for face in faces)
        padded = [np.pad(f.corners, ((0, most - len(f.corners)), (0, 0)), "edge") for f in faces]
        self.corners = np.stack(padded)  # [F, N, 3], the last one repeated where there are fewer
        self.normals = np.stack([face.normal for face in faces])  # [F, 3]
        self.two_sided = np.array([face.two_sided for face in faces])


class Renderer:
    """Draws a scene from any place."""

    def __init__(self, scene: Scene, camera: Camera) -> None:
        self._scene, self._camera = scene, camera
        self._fine = camera.enlarged(SUPERSAMPLING)

    def render(self, map_T_camera: FloatArray, background: Image) -> Image:
        """The view from a pose [4, 4] of the optical frame, all images RGB uint8 [H, W, 3]."""
        buffer = FrameBuffer(background, (self._fine.width, self._fine.height))
        points = (self._scene.corners - map_T_camera[:3, 3]) @ map_T_camera[:3, :3]
        for index in self._in_view(points, map_T_camera[:3, 3]):
            for piece in self._pieces(index, points[index], map_T_camera):
                buffer.paint(piece)
        size = self._camera.width, self._camera.height
        return np.asarray(cv2.resize(buffer.image, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _in_view(self, points: FloatArray, eye: FloatArray) -> list[int]:
        """The faces that may be seen, the nearest first, by their optical corners, [F, N, 3]."""
        scene, camera = self._scene, self._camera
        to_eye = ((eye - scene.corners[:, 0]) * scene.normals).sum(axis=1)
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        reach_x, reach_y = ((side / 2 + 1) / camera.focal * z for side in camera.size)
        hidden = ~(scene.two_sided | (to_eye > 0)) | (z < NEAR_M).all(axis=1)
        for beyond in (x > reach_x, x < -reach_x, y > reach_y, y < -reach_y):
            hidden |= beyond.all(axis=1)
        found = np.flatnonzero(~hidden)
        nearest = np.maximum(z[found], NEAR_M).min(axis=1)
        return [int(index) for index in found[np.argsort(nearest, kind="stable")]]

    def _pieces(self, index: int, points: FloatArray, map_T_camera: FloatArray) -> Iterator[Piece]:
        """A face, cut by depth; `points` [N, 3] are its corners in the optical frame."""
        face, turn = self._scene.faces[index], map_T_camera[:3, :3].T
        origin = turn @ (face.origin - map_T_camera[:3, 3])
        axes = np.stack([turn @ face.u_axis, turn @ face.v_axis, origin], axis=1)
        meters_T_pixels = np.linalg.inv(self._fine.matrix @ axes).astype(np.float64)
        for part in _slices(points):
            yield Piece(self._fine.project(part), meters_T_pixels, self._scene.textures[index])


def _slices(points: FloatArray) -> Iterator[FloatArray]:
    """Cut a convex polygon [N, 3] in the optical frame at growing depths.

    Each slice is so thin that one scale of the texture suits all of it.
    """
    near, far = max(float(points[:, 2].min()), NEAR_M), float(points[:, 2].max())
    count = max(1, int(np.ceil(np.log(far / near) / np.log(DEPTH_RATIO))))
    depths = [near * (far / near) ** (i / count) for i in range(count + 1)]
    if float(points[:, 2].min()) < NEAR_M:
        points = _clip(points, NEAR_M, 1.0)
    for low, high in pairwise(depths):
        part = points
        if low > near:
            part = _clip(part, low, 1.0)
        if high < 0.999 * far:
            part = _clip(part, high, -1.0)
        if len(part) > 2:
            yield part


def _clip(points: FloatArray, depth: float, side: float) -> FloatArray:
    """The part of a convex polygon beyond (side = 1) or before (side = -1) a depth."""
    beyond = side * (points[:, 2] - depth)
    following, after = np.roll(points, -1, axis=0), np.roll(beyond, -1)
    kept = []
    for here, there, start, end in zip(points, following, beyond, after, strict=True):
        if start >= 0:
            kept.append(here)
        if (start >= 0) != (end >= 0):
            kept.append(here + (there - here) * start / (start - end))
    return np.array(kept).reshape(-1, 3)
