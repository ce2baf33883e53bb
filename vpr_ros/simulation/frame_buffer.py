# SPDX-License-Identifier: Apache-2.0
"""An image with the depth of each pixel, into which flat pieces are painted in any order."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vpr_ros.simulation.geometry import FloatArray, Image

SUBPIXEL_BITS = 4
MOST_HALVINGS = 5
WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
Window = tuple[slice, slice]
Nearness = npt.NDArray[np.float32]


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
