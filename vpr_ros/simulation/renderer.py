# SPDX-License-Identifier: Apache-2.0
"""Draws what a pinhole camera sees of a scene.

Every face is warped into the image by its homography. Against aliasing, the image is drawn at
twice its size, and textures are shrunk along columns and rows separately, because a street
shows most walls at a grazing angle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vpr_ros.simulation.camera import Camera
from vpr_ros.simulation.geometry import Face, FloatArray, Image

SUPERSAMPLING = 2
NEAR_M = 0.25  # what is closer to the camera is not drawn
DEPTH_RATIO = 1.6  # of the depths of a slice's far end and its near one, at most
SUBPIXEL_BITS = 4
MOST_HALVINGS = 5
WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
Window = tuple[slice, slice]
Nearness = npt.NDArray[np.float32]


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


class MipTexture:
    """A texture, `width` by `height` meters, and its shrunken versions, made when first needed."""

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


@dataclass(frozen=True, eq=False)
class Piece:
    """A convex part of a flat face as it lies in the image."""

    outline: FloatArray  # [N, 2] pixels
    # [3, 3] homography from pixels to the texture's (u, v) in meters: (x, y, 1) becomes
    # (u, v, 1) / depth.
    meters_T_pixels: FloatArray
    texture: MipTexture  # what it shows


class FrameBuffer:
    """The image under work, RGB uint8 [H, W, 3]."""

    def __init__(self, background: Image, size: tuple[int, int]) -> None:
        """Begin with a background, stretched to size (width, height)."""
        self.image: Image = np.asarray(cv2.resize(background, size), np.uint8)
        self._nearness: Nearness = np.zeros((size[1], size[0]), np.float32)
        self._columns = np.arange(size[0], dtype=np.float32)
        self._rows = np.arange(size[1], dtype=np.float32)[:, None]

    def paint(self, piece: Piece) -> None:
        """Paint a piece where nothing nearer has been painted."""
        window = self._window(piece.outline)
        if window is None:
            return
        nearness = self._nearness_of(piece, window)
        before = self._nearness[window]
        nearer = np.asarray(cv2.compare(nearness, before, cv2.CMP_GT), np.uint8)
        visible: Image = nearer & _filled(piece.outline, window)
        if cv2.countNonZero(visible) == 0:
            return
        patch, alpha = _sample(piece, window)
        if alpha is not None:
            visible &= np.where(alpha > 127, np.uint8(255), np.uint8(0))
        cv2.copyTo(patch, visible, self.image[window])
        cv2.copyTo(nearness, visible, before)

    def _window(self, outline: FloatArray) -> Window | None:
        """The rows and columns that an outline covers, or nothing when it is out of view."""
        height, width = self._nearness.shape
        left, top = np.floor(outline.min(axis=0)).clip(0).astype(int).tolist()
        right, bottom = np.ceil(outline.max(axis=0)).clip(-2, 1e6).astype(int).tolist()
        right, bottom = min(right + 1, width), min(bottom + 1, height)
        if left >= right or top >= bottom:
            return None
        return slice(top, bottom), slice(left, right)

    def _nearness_of(self, piece: Piece, window: Window) -> Nearness:
        """Inverse depth [h, w]: along a plane, an affine function of the pixel."""
        a, b, c = piece.meters_T_pixels[2].astype(np.float32)
        rows, columns = window
        return np.asarray((a * self._columns[columns] + c) + b * self._rows[rows], np.float32)


def _shrink(image: Image, times: tuple[int, int]) -> Image:
    rows, columns = image.shape[:2]
    size = max(1, columns >> times[0]), max(1, rows >> times[1])
    if size == (columns, rows):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _filled(outline: FloatArray, window: Window) -> Image:
    """255 inside of the outline, uint8 [h, w]."""
    rows, columns = window
    mask: Image = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    points = (outline - (columns.start, rows.start)) * 2**SUBPIXEL_BITS
    cv2.fillConvexPoly(mask, np.round(points).astype(np.int32), 255, cv2.LINE_8, SUBPIXEL_BITS)
    return mask


def _sample(piece: Piece, window: Window) -> tuple[Image, Image | None]:
    """The texture as seen in a window: (image, alpha)."""
    rows, columns = window
    image, alpha = piece.texture.level(*_halvings(piece))
    scale_u, scale_v = image.shape[1] / piece.texture.width, image.shape[0] / piece.texture.height
    texels_T_meters = np.array([[scale_u, 0.0, -0.5], [0.0, scale_v, -0.5], [0.0, 0.0, 1.0]])
    pixels_T_window = np.array([[1.0, 0.0, columns.start], [0.0, 1.0, rows.start], [0.0, 0.0, 1.0]])
    warp = texels_T_meters @ piece.meters_T_pixels @ pixels_T_window
    size = columns.stop - columns.start, rows.stop - rows.start
    return _warped(image, warp, size), None if alpha is None else _warped(alpha, warp, size)


def _warped(image: Image, warp: FloatArray, size: tuple[int, int]) -> Image:
    patch = cv2.warpPerspective(image, warp, size, None, WARP, cv2.BORDER_REPLICATE)
    return np.asarray(patch, np.uint8)


def _halvings(piece: Piece) -> tuple[int, int]:
    """How often to halve a texture's columns and rows, so that a texel is about a pixel."""
    homography, scale = piece.meters_T_pixels, piece.texture.texels_per_meter
    u, v, w = homography @ np.append(piece.outline.mean(axis=0), 1.0)
    along_u = (homography[0, :2] - u / w * homography[2, :2]) / w
    along_v = (homography[1, :2] - v / w * homography[2, :2]) / w
    texels = scale * np.array([np.hypot(*along_u), np.hypot(*along_v)])
    times = np.round(np.log2(np.maximum(texels, 1e-9))).clip(0, MOST_HALVINGS)
    return int(times[0]), int(times[1])
