# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of a camera look: lenses undistorted point by point, never as whole images.

The models are those that ``sensor_msgs/CameraInfo`` names (sensor_msgs/distortion_models.hpp):
``plumb_bob`` and ``rational_polynomial`` with OpenCV's coefficients, 4 to 14 of them (the thin
prism's are number 9 to 12, the tilted sensor's 13 and 14), and ``equidistant``, OpenCV's fisheye
(Kannala and Brandt, PAMI 2006). Shapes: N pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import Camera
from vpr_ros.errors import VprError

Matrix = NDArray[np.float64]

_BROWN = ("plumb_bob", "rational_polynomial", "thin_prism", "rational_thin_prism")
_FISHEYE = ("equidistant", "fisheye", "kannala_brandt")
_COEFFICIENTS = (4, 5, 8, 12, 14)  # that OpenCV's model may have
_MISSED = 0.1  # pixels by which an undistorted point may miss its pixel when it is distorted again
_FAR_OUT = 1e6  # pixels; no image reaches so far
_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-10)
UNKNOWN_LENS = "the camera is not calibrated: publish camera_info beside its images"


class CameraError(VprError):
    """A camera whose pixels cannot be turned into directions."""


@dataclass(frozen=True)
class Lens:
    """A calibrated camera at the resolution of its images."""

    matrix: Matrix  # [3, 3] pixels
    distortion: Matrix  # of the model; all zero, or empty, for images that are rectified
    is_fisheye: bool

    @property
    def focal(self) -> float:
        """Pixels per radian in the middle of the image."""
        return float(np.sqrt(self.matrix[0, 0] * self.matrix[1, 1]))

    def unit_rays(self, pixels: NDArray[np.floating]) -> Matrix:
        """The directions in which pixels look, [N, 3] in the optical frame, z ahead.

        A pixel that no light reaches by the model (beyond the border of what its polynomial can
        turn back, or not a number) has a direction of NaN.

        Args:
            pixels: [N, 2] (x, y), the center of the first one at (0, 0).
        """
        pixels = np.asarray(pixels, np.float64).reshape(-1, 2)
        rays = np.full((len(pixels), 3), np.nan)
        good = (np.abs(pixels) < _FAR_OUT).all(axis=1)
        if good.any():
            turned = self._fisheye if self.is_fisheye else self._pinhole
            rays[good] = turned(pixels[good])
        return rays

    def _pinhole(self, pixels: Matrix) -> Matrix:
        matrix, distortion = self.matrix, self.distortion
        if not distortion.any():
            return _unit(_flat(matrix, pixels))
        flat = cv2.undistortPointsIter(
            pixels[:, None], matrix, distortion, np.eye(3), np.eye(3), _STEPS
        )[:, 0]
        ahead = np.column_stack([flat, np.ones(len(flat))])
        again = cv2.projectPoints(ahead, np.zeros(3), np.zeros(3), matrix, distortion)[0][:, 0]
        rays = _unit(np.asarray(flat, np.float64))
        rays[~(np.hypot(*(again - pixels).T) < _MISSED)] = np.nan
        return rays

    def _fisheye(self, pixels: Matrix) -> Matrix:
        flat = _flat(self.matrix, pixels)
        bent = np.hypot(*flat.T)
        angle = _unbent(bent, self.distortion)
        scale = np.where(bent > 1e-9, np.sin(angle) / np.maximum(bent, 1e-9), 1.0)
        return np.column_stack([flat * scale[:, None], np.cos(angle)])


def lens_of(camera: Camera | None, image_size: tuple[int, int]) -> Lens:
    """What turns the pixels of a camera's images into directions.

    Args:
        camera: as it is known; of another resolution than its images where these are made smaller
            or binned as wholes.
        image_size: (width, height) of the images in pixels.

    Raises:
        CameraError: it is not calibrated, of a model that is not known, or its images are cut.
    """
    if camera is None or len(camera.intrinsics) != 9:
        raise CameraError(UNKNOWN_LENS)
    matrix = np.array(camera.intrinsics, np.float64).reshape(3, 3)
    if not (np.isfinite(matrix).all() and min(matrix[0, 0], matrix[1, 1]) > 0.0):
        raise CameraError("the camera is not calibrated: its focal length is not above zero")
    distortion = np.array(camera.distortion, np.float64)
    if not np.isfinite(distortion).all():
        raise CameraError("the camera is not calibrated: its distortion is not finite")
    is_fisheye = _is_fisheye(camera.distortion_model, distortion)
    return Lens(_scaled(matrix, camera, image_size), distortion, is_fisheye)


def _is_fisheye(model: str, distortion: Matrix) -> bool:
    name, count = model.strip().lower(), len(distortion)
    if name in _FISHEYE:
        # Without distortion, too: equal angles are then equally many pixels apart.
        if count > 4 and distortion[4:].any():
            raise CameraError(f"{model} has 4 coefficients, not {count}")
        return True
    if not distortion.any():
        return False  # rectified images, or a lens without distortion
    if name not in _BROWN or count not in _COEFFICIENTS:
        raise CameraError(
            f"distortion model {model!r} with {count} coefficients is not known: calibrate with "
            "plumb_bob, rational_polynomial or equidistant, or give rectified images"
        )
    return False


def _scaled(matrix: Matrix, camera: Camera, image_size: tuple[int, int]) -> Matrix:
    """Intrinsics of images that were made smaller or larger as wholes."""
    if not (camera.width and camera.height) or (camera.width, camera.height) == image_size:
        return matrix
    zoom = np.array(image_size) / (camera.width, camera.height)
    # Half a pixel is lost by rounding where an odd number of them is halved.
    if abs(image_size[0] - zoom[1] * camera.width) > 1.0 + zoom[1]:
        raise CameraError(
            f"images of {image_size[0]} x {image_size[1]} pixels are cut from the camera's "
            f"{camera.width} x {camera.height}: publish camera_info that fits"
        )
    scaled = matrix.copy()
    scaled[:2] *= zoom[:, None]
    scaled[:2, 2] += 0.5 * zoom - 0.5  # the edge of the image stays, not its first pixel's center
    return scaled


def _flat(matrix: Matrix, pixels: Matrix) -> Matrix:
    """Pixels on the plane at z = 1 as if there were no distortion, [N, 2]."""
    y = (pixels[:, 1] - matrix[1, 2]) / matrix[1, 1]
    x = (pixels[:, 0] - matrix[0, 2] - matrix[0, 1] * y) / matrix[0, 0]
    return np.column_stack([x, y])


def _unit(flat: Matrix) -> Matrix:
    rays = np.column_stack([flat, np.ones(len(flat))])
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))


def _unbent(bent: Matrix, distortion: Matrix) -> Matrix:
    """Angles to the axis (rad) whose polynomial gives these, [N]; NaN where there is none.

    Newton's method from the angle itself; the polynomial has to rise all the way to the answer,
    since behind its first maximum an angle is seen twice.
    """
    k = np.zeros(4)
    k[: min(4, len(distortion))] = distortion[:4]
    border = _border(k)
    angle = np.minimum(bent, border)
    for _ in range(30):
        square = angle * angle
        value = angle * (1.0 + square * (k[0] + square * (k[1] + square * (k[2] + square * k[3]))))
        angle = np.clip(angle - (value - bent) / np.maximum(_slope(k, angle), 1e-3), 0.0, border)
    square = angle * angle
    value = angle * (1.0 + square * (k[0] + square * (k[1] + square * (k[2] + square * k[3]))))
    return np.where(np.abs(value - bent) < 1e-6, angle, np.nan)


def _slope(k: Matrix, angle: Matrix) -> Matrix:
    square = angle * angle
    return np.asarray(
        1.0 + square * (3 * k[0] + square * (5 * k[1] + square * (7 * k[2] + square * 9 * k[3])))
    )


def _border(k: Matrix) -> float:
    """The largest angle up to which the polynomial rises, at most pi."""
    angles = np.linspace(0.0, np.pi, 721)
    falling = np.flatnonzero(_slope(k, angles) <= 0.0)
    return float(angles[max(falling[0] - 1, 0)] if len(falling) else np.pi)
