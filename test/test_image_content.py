# SPDX-License-Identifier: Apache-2.0
"""What shows a place, and what shows nothing."""

import cv2
import numpy as np
import pytest

from vpr_ros.image_content import missing_content

HEIGHT, WIDTH = 240, 320
RANDOM = np.random.default_rng(0)


def plain(value):
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)


def gray_noise(mean, spread, height=HEIGHT, width=WIDTH):
    pixels = np.clip(RANDOM.normal(mean, spread, (height, width, 1)), 0, 255)
    return pixels.astype(np.uint8).repeat(3, axis=2)


def color_bars():
    """Seven bars over seven others over four fields, the last one snow, as broadcasters send it."""
    full = [(191,) * 3, (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0)]
    image, width = plain(19), WIDTH // 7
    for number, color in enumerate([*full, (0, 0, 191)]):
        bar = slice(number * width, (number + 1) * width)
        image[:160, bar] = color
        image[160:180, bar] = color[::-1] if number % 2 == 0 else 19
    for number, color in enumerate([(0, 33, 76), (255,) * 3, (50, 0, 106), (19,) * 3]):
        image[180:, number * 57 : (number + 1) * 57] = color
    image[180:, 240:] = gray_noise(128, 80, 60, 80)
    return image


def checkerboard():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (((x // 20 + y // 20) % 2) * 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def vignette():
    """A covered lens through which some light comes."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 120 * np.exp(-((x - 160.0) ** 2 + (y - 120.0) ** 2) / 4e4)
    return light.astype(np.uint8)[..., None].repeat(3, axis=2)


EMPTY = {
    "black": (plain(0), "black"),
    "white": (plain(254), "white"),
    "gray": (plain(120), "blank"),
    "one color": (plain((10, 20, 200)), "blank"),
    "a dark sensor's noise": (gray_noise(4, 4), "noise"),
    "noise": (gray_noise(120, 40), "noise"),
    "large noise": (gray_noise(120, 60, 1080, 1920), "noise"),
    "colored noise": (RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), "noise"),
    "bars": (color_bars(), "noise"),
    "bars without snow": (color_bars()[:180], "pattern"),
    "a ramp": (np.tile(np.linspace(0, 255, WIDTH), (HEIGHT, 1)).astype(np.uint8), "pattern"),
    "a checkerboard": (checkerboard(), "pattern"),
    "a covered lens": (vignette(), "pattern"),
}


@pytest.mark.parametrize("compress", [False, True], ids=["raw", "jpeg"])
@pytest.mark.parametrize("name", EMPTY)
def test_what_shows_nothing(name, compress):
    image, word = EMPTY[name]
    image = image if image.ndim == 3 else image[..., None].repeat(3, axis=2)
    if compress:
        image = cv2.imdecode(cv2.imencode(".jpg", image)[1], cv2.IMREAD_COLOR)
    assert word in missing_content(image)


@pytest.mark.parametrize("size", [(48, 64), (240, 320), (720, 1280)])
@pytest.mark.parametrize("light", [1.0, 0.3], ids=["day", "dusk"])
def test_what_shows_a_scene(scene, size, light):
    image = cv2.resize(scene(1), size[::-1], interpolation=cv2.INTER_AREA)
    noise = RANDOM.normal(0.0, 3.0, image.shape)
    assert missing_content(np.clip(light * image + noise, 0, 255).astype(np.uint8)) == ""


def test_a_soft_and_faint_scene_is_one(scene):
    soft = cv2.GaussianBlur(scene(1), (0, 0), 4.0).astype(float)
    assert missing_content((110 + 0.2 * soft).astype(np.uint8)) == ""


def test_a_wall_with_a_picture_on_it(scene):
    image = plain(200)
    image[80:140, 120:200] = scene(2, 60, 80)
    assert missing_content(image) == ""
