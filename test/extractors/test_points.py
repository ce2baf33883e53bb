# SPDX-License-Identifier: Apache-2.0
"""Points for geometry of rendered and made-up images."""

import numpy as np
import pytest

from vpr_ros.datatypes import Camera, Frame, LocalFeatures
from vpr_ros.errors import ImageError
from vpr_ros.extractors.points import KEPT, SOUGHT, PointsOfFrames, SiftPoints, strongest
from vpr_ros.place_map.points_codec import encode_points

CAMERA = Camera(640, 480, (1.0,) * 9)


def test_points_lie_in_the_image_and_are_spread(scene):
    image = scene(1)
    points = SiftPoints().detect(image)
    height, width = image.shape[:2]
    assert 100 < len(points) <= SOUGHT
    assert points.image_size == (width, height)
    assert (points.keypoints >= -0.5).all()
    assert (points.keypoints <= np.array([width, height]) - 0.5).all()
    np.testing.assert_allclose(np.linalg.norm(points.descriptors, axis=1), 1.0, atol=1e-3)


def test_larger_images_have_their_points_where_smaller_ones_have(scene):
    image = scene(1)
    large = np.repeat(np.repeat(image, 4, axis=0), 4, axis=1)
    small, big = (SiftPoints().detect(each) for each in (image, large))
    likeness = small.descriptors @ big.descriptors.T
    pairs = np.flatnonzero(likeness.max(axis=1) > 0.97)
    there = big.keypoints[likeness.argmax(axis=1)[pairs]]
    off = (there + 0.5) / 4.0 - 0.5 - small.keypoints[pairs]
    assert len(pairs) > 20
    assert np.abs(np.median(off, axis=0)).max() < 0.3


def test_what_is_hidden_gives_none(scene):
    image = scene(1)
    hidden = np.zeros((4, 4), bool)
    hidden[:, :2] = True
    points = SiftPoints(hidden).detect(image)
    assert len(points)
    assert points.keypoints[:, 0].min() > image.shape[1] / 2 - 1.0


def test_an_even_image_has_none_and_a_wrong_array_is_refused():
    assert len(SiftPoints().detect(np.full((120, 160, 3), 90, np.uint8))) == 0
    with pytest.raises(ImageError):
        SiftPoints().detect(np.zeros((120, 160), np.uint8))


def test_no_part_of_the_image_gives_all():
    random = np.random.default_rng(0)
    crowd = random.uniform(0.0, 60.0, (900, 2))
    others = random.uniform(0.0, 480.0, (300, 2))
    places = np.vstack([crowd, others]).astype(np.float32)
    scores = np.linspace(1.0, 0.0, 1200, dtype=np.float32)  # the crowd is stronger
    points = LocalFeatures(places, scores, np.ones((1200, 4), np.float32), (480, 480))
    chosen = strongest(points, 300)
    assert len(chosen) == 300
    assert (chosen.keypoints > 60.0).any(axis=1).sum() > 200


def test_a_frame_is_looked_at_once(scene):
    calls = []

    class Counting(SiftPoints):
        def detect(self, image):
            calls.append(1)
            return super().detect(image)

    points, frame = PointsOfFrames(Counting()), Frame(0, scene(2), None, CAMERA)
    sought, kept = points.of(frame), points.to_keep(frame)
    assert len(calls) == 1
    assert len(kept) == min(KEPT, len(sought))
    assert len(encode_points(kept)) <= 12_000
    points.of(Frame(1, scene(3), None, CAMERA))
    assert len(calls) == 2


def test_keyframes_of_cameras_that_are_not_calibrated_get_none(scene):
    points = PointsOfFrames(SiftPoints())
    for camera in (None, Camera(name="front")):
        assert points.to_keep(Frame(0, scene(1), None, camera)) is None
    assert points.of(Frame(0, None)) is None
