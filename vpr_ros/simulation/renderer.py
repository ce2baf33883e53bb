# SPDX-License-Identifier: Apache-2.0
"""Draws what a pinhole camera sees of a scene.

Every face is warped into the image by its homography. Against aliasing, the image is drawn at
twice its size, and textures are shrunk along columns and rows separately, because a street
shows most walls at a grazing angle.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from vpr_ros.simulation.camera import Camera
from vpr_ros.simulation.clipping import slices
from vpr_ros.simulation.frame_buffer import FrameBuffer, Piece
from vpr_ros.simulation.geometry import FloatArray, Image
from vpr_ros.simulation.scene import NEAR_M, Scene

SUPERSAMPLING = 2


class Renderer:
    """Draws a scene from any place."""

    def __init__(self, scene: Scene, camera: Camera) -> None:
        self._scene, self._camera = scene, camera
        self._fine = camera.enlarged(SUPERSAMPLING)
        self._matrix = self._fine.matrix

    def render(self, map_T_camera: FloatArray, background: Image) -> Image:
        """The view from a pose of the optical frame, RGB uint8 [H, W, 3].

        Args:
            map_T_camera: [4, 4] pose.
            background: What is seen where no face is, uint8 [H, W, 3].
        """
        buffer = FrameBuffer(background, (self._fine.width, self._fine.height))
        points = (self._scene.corners - map_T_camera[:3, 3]) @ map_T_camera[:3, :3]
        for index in self._in_view(points, map_T_camera[:3, 3]):
            for piece in self._pieces(index, points[index], map_T_camera):
                buffer.paint(piece)
        size = self._camera.width, self._camera.height
        return np.asarray(cv2.resize(buffer.image, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _in_view(self, points: FloatArray, eye: FloatArray) -> list[int]:
        """The faces that may be seen, the nearest first.

        Args:
            points: [F, N, 3] corners of all faces in the optical frame.
            eye: [3] place of the camera in the map frame.
        """
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
        meters_T_pixels = np.linalg.inv(self._matrix @ axes).astype(np.float64)
        for part in slices(points):
            pixels = part @ self._matrix.T
            outline = pixels[:, :2] / pixels[:, 2:]
            yield Piece(outline, meters_T_pixels, self._scene.textures[index])
