# SPDX-License-Identifier: Apache-2.0
"""A heat map is hot where scores are high, on any grid of patches."""

import numpy as np
import pytest

from vpr_ros.datatypes import LocalFeatures
from vpr_ros.pictures.attention import heat, overlaid


def patches(score, size=(640, 480), columns=20, rows=15):
    """Features at the centers of a grid; ``score`` is a function of (column, row)."""
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    points = np.stack([(x.ravel() + 0.5) * size[0] / columns, (y.ravel() + 0.5) * size[1] / rows])
    scores = np.array([score(*cell) for cell in zip(x.ravel(), y.ravel(), strict=True)], np.float32)
    descriptors = np.zeros((len(scores), 1), np.float32)
    return LocalFeatures(points.T.astype(np.float32), scores, descriptors, size)


def hottest(values):
    row, column = np.unravel_index(values.argmax(), values.shape)
    return column, row


@pytest.mark.parametrize("shape", [(20, 15), (40, 30), (14, 10)])
@pytest.mark.parametrize("size", [(640, 480), (1241, 376), (320, 240)])
def test_the_hottest_spot_lies_on_the_patch_of_most_attention(size, shape):
    local = patches(lambda x, y: 3.0 if (x, y) == (7, 4) else 0.1, size, *shape)
    column, row = hottest(heat(local, (320, 240)))
    assert column == pytest.approx(7.5 / shape[0] * 320, abs=320 / shape[0])
    assert row == pytest.approx(4.5 / shape[1] * 240, abs=240 / shape[1])


def test_heat_has_no_holes_between_patches():
    for size in ((640, 480), (1241, 376)):
        assert heat(patches(lambda x, y: 1.0, size), (300, 200)).min() > 0.99


def test_heat_is_relative_to_the_largest_score():
    low, high = (heat(patches(lambda x, y, f=f: f * (x + 1)), (200, 100)) for f in (0.01, 100))
    np.testing.assert_allclose(low, high, atol=1e-4)
    assert high.max() == pytest.approx(1.0)


def test_patches_that_were_left_out_stay_cold():
    local = patches(lambda x, y: 1.0 if x < 10 else 0.0)
    kept = local.scores > 0.5
    half = LocalFeatures(
        local.keypoints[kept], local.scores[kept], local.descriptors[kept], local.image_size
    )
    values = heat(half, (640, 480))
    assert values[:, :280].min() > 0.9
    assert values[:, 360:].max() == 0.0


def test_keypoints_of_a_detector_show_as_spots():
    random = np.random.default_rng(1)
    points = random.uniform(0, 480, (300, 2)).astype(np.float32)
    local = LocalFeatures(points, np.ones(300, np.float32), np.zeros((300, 1)), (640, 480))
    values = heat(local, (640, 480))
    assert values[:, 520:].max() == 0.0
    assert values[:, :400].mean() > 0.05


@pytest.mark.parametrize("score", [np.nan, np.inf, 0.0, -1.0])
def test_scores_that_say_nothing_leave_the_image_as_it_is(score):
    image = np.full((48, 64, 3), 90, np.uint8)
    assert (overlaid(image, patches(lambda x, y: score)) == image).all()


@pytest.mark.parametrize("count", [0, 1])
def test_few_features_are_no_trouble(count):
    local = LocalFeatures(
        np.full((count, 2), 639.9, np.float32), np.ones(count), np.zeros((count, 1)), (640, 480)
    )
    assert heat(local, (64, 48)).shape == (48, 64)


def test_the_overlay_colors_what_is_attended_and_nothing_else():
    image = np.full((240, 320, 3), 128, np.uint8)
    shown = overlaid(image, patches(lambda x, y: float(x >= 15)))
    assert (shown[:, :180] == 128).all()
    red, _, blue = shown[120, 300].astype(int)
    assert red > 180 > blue + 20
