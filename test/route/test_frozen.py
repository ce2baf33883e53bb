# SPDX-License-Identifier: Apache-2.0
"""One image again and again, while the robot drives."""

from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.datatypes import Camera, Frame, Pose
from vpr_ros.errors import NothingShownError
from vpr_ros.route.frozen import FrozenCameras

S = 10**9
LEFT, RIGHT = Camera(name="left"), Camera(name="right")


def frame(second, image, x=None, frame_id="odom", camera=None):
    pose = None if x is None else Pose((x, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), frame_id)
    return Frame(second * S, image, pose, camera)


def test_the_same_image_from_elsewhere(scene):
    cameras = FrozenCameras()
    for second in range(3):
        cameras.check(frame(second, scene(1), 0.1 * second))
    with pytest.raises(NothingShownError, match=r"the same one for 4\.0 s and 2\.0 m"):
        cameras.check(frame(4, scene(1), 2.0))
    cameras.check(frame(5, scene(2), 2.5))


def test_turning_counts_too(scene):
    cameras = FrozenCameras()
    cameras.check(frame(0, scene(1), 0.0))
    turned = Pose((0.0, 0.0, 0.0), (0.0, 0.0, np.sin(0.2), np.cos(0.2)), "odom")
    with pytest.raises(NothingShownError, match="frozen"):
        cameras.check(replace(frame(1, scene(1)), pose=turned))


@pytest.mark.parametrize(
    "later",
    [{"x": 0.0}, {"x": None}, {"x": 9.0, "frame_id": "map"}, {"x": 9.0, "camera": RIGHT}],
    ids=["standing", "no pose", "another frame", "another camera"],
)
def test_what_is_not_frozen(scene, later):
    cameras = FrozenCameras()
    cameras.check(frame(0, scene(1), 0.0, camera=LEFT))
    cameras.check(frame(90, scene(1), **{"camera": LEFT, **later}))


def test_a_little_noise_is_enough(scene):
    cameras = FrozenCameras()
    random = np.random.default_rng(0)
    for second in range(5):
        noisy = scene(1) + random.integers(0, 2, scene(1).shape, dtype=np.uint8)
        cameras.check(frame(second, noisy, float(second)))
