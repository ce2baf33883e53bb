# SPDX-License-Identifier: Apache-2.0
"""Directions of pixels, held against OpenCV's projections."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.datatypes import Camera
from vpr_ros.geometry.cameras import CameraError, lens_of

K = (300.0, 0.0, 321.5, 0.0, 310.0, 239.0, 0.0, 0.0, 1.0)
SIZE = (640, 480)
BROWN = {
    "none": ("plumb_bob", (0.0,) * 5),
    "plumb_bob": ("plumb_bob", (-0.28, 0.07, 1e-3, -5e-4, 0.0)),
    "four": ("plumb_bob", (-0.2, 0.04, 1e-3, -5e-4)),
    "rational": ("rational_polynomial", (0.3, -0.1, 1e-3, 2e-4, 0.01, 0.55, -0.08, 0.02)),
    "thin_prism": (
        "rational_polynomial",
        (0.1, -0.02, 1e-3, 2e-4, 0.01, 0.2, -0.01, 0.01, 1e-3, -5e-4, 2e-3, 1e-4),
    ),
    "tilted": ("rational_polynomial", (-0.1, 0.02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.02, -0.01)),
}


def camera(model="plumb_bob", distortion=(), size=SIZE):
    return Camera(*size, K, model, tuple(map(float, distortion)))


def directions(spread=0.7, count=200):
    flat = np.random.default_rng(5).uniform(-spread, spread, (count, 2))
    return np.column_stack([flat, np.ones(count)])


def angles(left, right):
    left, right = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (left, right))
    return np.linalg.norm(left - right, axis=1)


@pytest.mark.parametrize("name", BROWN)
def test_pixels_look_where_opencv_projects_from(name):
    model, distortion = BROWN[name]
    points = directions()
    matrix = np.array(K).reshape(3, 3)
    pixels, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), matrix, np.array(distortion, float)
    )
    rays = lens_of(camera(model, distortion), SIZE).unit_rays(pixels[:, 0])
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1.0, atol=1e-12)
    assert angles(rays, points).max() < 1e-5


@pytest.mark.parametrize("k", [(0.0,) * 4, (0.05, -0.01, 2e-3, -3e-4), (-0.02, 0.003, 0.0, 0.0)])
def test_a_fisheye_looks_where_opencv_projects_from(k):
    points = directions(2.5)
    matrix = np.array(K).reshape(3, 3)
    pixels, _ = cv2.fisheye.projectPoints(
        points[:, None], np.zeros(3), np.zeros(3), matrix, np.array(k)
    )
    rays = lens_of(camera("equidistant", k), SIZE).unit_rays(pixels[:, 0])
    assert angles(rays, points).max() < 1e-6


def test_a_fisheye_looks_sideways_and_back():
    lens = lens_of(camera("equidistant", (0.0,) * 4), SIZE)
    angle = np.array([0.0, 1.5, 2.0])
    rays = lens.unit_rays(np.column_stack([321.5 + 300.0 * angle, np.full(3, 239.0)]))
    np.testing.assert_allclose(rays[:, 2], np.cos(angle), atol=1e-9)


def test_pixels_that_no_light_reaches_have_no_direction():
    lens = lens_of(camera("plumb_bob", (-0.4, 0.0, 0.0, 0.0, 0.0)), SIZE)
    rays = lens.unit_rays([[321.5, 239.0], [5000.0, 239.0], [np.nan, 1.0], [np.inf, 1.0]])
    assert np.isfinite(rays[0]).all()
    assert np.isnan(rays[1:]).all()
    fisheye = lens_of(camera("equidistant", (-0.2, 0.0, 0.0, 0.0)), SIZE)
    assert np.isnan(fisheye.unit_rays([[5000.0, 239.0]])).all()


def test_smaller_images_keep_their_directions():
    whole, half = (lens_of(camera(), size) for size in (SIZE, (320, 240)))
    pixels = np.array([[-0.5, -0.5], [639.5, 479.5], [100.0, 300.0]])
    smaller = (pixels + 0.5) / 2.0 - 0.5
    np.testing.assert_allclose(half.unit_rays(smaller), whole.unit_rays(pixels), atol=1e-12)
    assert half.focal == pytest.approx(whole.focal / 2)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "not calibrated"),
        (Camera(*SIZE), "not calibrated"),
        (Camera(*SIZE, (0.0,) * 9), "not calibrated"),
        (Camera(*SIZE, K, "plumb_bob", (float("nan"),) * 5), "not calibrated"),
        (Camera(*SIZE, K, "fov", (0.9,)), "distortion model 'fov'"),
        (Camera(*SIZE, K, "plumb_bob", (0.1,) * 3), "3 coefficients"),
        (Camera(*SIZE, K, "equidistant", (0.1,) * 8), "4 coefficients"),
        (Camera(640, 400, K), "are cut"),
    ],
)
def test_cameras_that_cannot_be_used_say_why(made, words):
    with pytest.raises(CameraError, match=words):
        lens_of(made, SIZE)


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20), st.sampled_from(list(BROWN)))
def test_directions_are_units_or_nan(pixels, name):
    rays = lens_of(camera(*BROWN[name]), SIZE).unit_rays(np.array(pixels).reshape(-1, 2))
    assert rays.shape == (len(pixels), 3)
    norms = np.linalg.norm(rays, axis=1)
    assert (np.isnan(rays).any(axis=1) | (np.abs(norms - 1.0) < 1e-9)).all()
