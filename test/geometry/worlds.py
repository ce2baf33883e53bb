# SPDX-License-Identifier: Apache-2.0
"""Points in space that any camera sees exactly where they are, told apart by their descriptors."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from vpr_ros.datatypes import Camera, LocalFeatures
from vpr_ros.geometry.residuals import exponential
from vpr_ros.geometry.transforms import RigidTransform

SIZE = (640, 480)
K = (400.0, 0.0, 319.5, 0.0, 400.0, 239.5, 0.0, 0.0, 1.0)
PLAIN = Camera(*SIZE, K, "plumb_bob", (0.0,) * 5)


def street(count=250, seed=0):
    """Points to both sides of a street and ahead of it, x right, y down, z ahead, meters."""
    random = np.random.default_rng(seed)
    side = random.choice([-1.0, 1.0], count) * random.uniform(4.0, 9.0, count)
    return np.column_stack(
        [side, random.uniform(-5.0, 1.5, count), random.uniform(3.0, 40.0, count)]
    )


def looks(count, seed=0):
    """Descriptors of norm 1 that nobody confuses, [count, 64]."""
    values = np.random.default_rng(seed).normal(size=(count, 64))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def at(x=0.0, y=0.0, z=0.0, turn=(0.0, 0.0, 0.0)):
    """``world_T_optical``."""
    return RigidTransform(exponential(np.array(turn, float)), np.array([x, y, z], float))


def pixels_of(camera, points):
    """Where OpenCV has points of a camera's frame, [N, 2]."""
    if not len(points):
        return np.zeros((0, 2))
    matrix = np.array(camera.intrinsics).reshape(3, 3)
    zero, bent = np.zeros(3), np.array(camera.distortion)
    if camera.distortion_model == "equidistant":
        return cv2.fisheye.projectPoints(points[:, None], zero, zero, matrix, bent)[0][:, 0]
    return cv2.projectPoints(points, zero, zero, matrix, bent)[0][:, 0]


@dataclass
class World:
    """What there is to see."""

    points: np.ndarray = field(default_factory=street)

    def __post_init__(self):
        self.descriptors = looks(len(self.points))

    def seen(self, world_T_camera, camera=PLAIN, noise=0.0, seed=1):
        """The points of an image, with Gaussian noise of so many pixels."""
        back = world_T_camera.inverse()
        points = self.points @ back.rotation.T + back.translation
        rows = np.flatnonzero(points[:, 2] > 0.1)
        # What lies far beside is bent back into the image by some lenses.
        flat = np.abs(points[rows, :2] / points[rows, 2:])
        rows = rows[(flat < 1.2).all(axis=1)]
        places = pixels_of(camera, points[rows])
        places = places + np.random.default_rng(seed).normal(size=places.shape) * noise
        size = (camera.width, camera.height)
        inside = ((places > -0.5) & (places < np.array(size) - 0.5)).all(axis=1)
        rows = rows[inside]
        scores = np.linspace(1.0, 0.1, len(rows), dtype=np.float32)
        return LocalFeatures(
            places[inside].astype(np.float32), scores, self.descriptors[rows], size
        )
