# SPDX-License-Identifier: Apache-2.0
"""Every encoding becomes the same RGB; everything else is refused by ImageError alone."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import ImageError
from vpr_ros.images import (
    BYTES_PER_PIXEL,
    check_image,
    decode_compressed,
    decode_ros_image,
    encode_jpeg,
    encode_png,
    pack_ros_image,
    read_image,
    shrink,
    suffix_of,
)

HEIGHT, WIDTH = 12, 16
PLAIN = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8"}
SIXTEEN_BIT = [encoding for encoding in BYTES_PER_PIXEL if "16" in encoding]
YUV = ["uyvy", "yuv422", "yuyv", "yuv422_yuy2"]


@dataclass(frozen=True)
class Message:
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: bytes


def slopes():
    """Three colors that slope gently in different directions, so that demosaicing is exact."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([20 + 8 * x, 200 - 6 * y, 10 + 4 * x + 4 * y], axis=-1).astype(np.uint8)


def gray_of(rgb):
    return np.round(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def mosaic(rgb, pattern):
    """Row-major colors of a 2 x 2 cell, as in bayer_rggb8."""
    flat = np.zeros(rgb.shape[:2], np.uint8)
    for index, color in enumerate(pattern):
        rows, columns = slice(index // 2, None, 2), slice(index % 2, None, 2)
        flat[rows, columns] = rgb[rows, columns, "rgb".index(color)]
    return flat[..., None]


def yuv_pairs(rgb, order):
    """ITU-R BT.601 with luma from 16 to 235, chroma shared by two neighbors."""
    r, g, b = np.moveaxis(rgb.astype(float), -1, 0)
    luma = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
    v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
    chroma = np.stack([u, v], axis=-1).reshape(HEIGHT, WIDTH // 2, 2, 2).mean(axis=2)
    pair = (chroma.reshape(HEIGHT, WIDTH), luma)
    return np.stack(pair if order == "uyvy" else pair[::-1], axis=-1).round().astype(np.uint8)


def pixels(rgb, encoding):
    """The image in an encoding, [H, W, channels]."""
    name = PLAIN.get(encoding, encoding)
    if name in YUV:
        return yuv_pairs(rgb, "uyvy" if name in ("uyvy", "yuv422") else "yuyv")
    if name.startswith("bayer_"):
        plain = mosaic(rgb, name[6:10])
    elif name.startswith("mono"):
        plain = gray_of(rgb)[..., None]
    else:
        alpha = np.full((HEIGHT, WIDTH, 1), 7, np.uint8)
        plain = np.concatenate([rgb, alpha], axis=-1)
        plain = plain[..., ["rgba".index(letter) for letter in name.rstrip("0123456789")]]
    # Two different bytes, so that their order shows.
    return plain.astype("<u2") * np.uint16(257) + np.uint16(60) if "16" in name else plain


def message_of(encoding, rgb=None, padding=0, big_endian=False):
    encoded = pixels(slopes() if rgb is None else rgb, encoding)
    encoded = encoded.astype(">u2") if big_endian else encoded
    rows = np.frombuffer(encoded.tobytes(), np.uint8).reshape(HEIGHT, -1)
    filler = np.full((HEIGHT, padding), 0xAB, np.uint8)
    data = np.hstack([rows, filler])
    return Message(HEIGHT, WIDTH, encoding, int(big_endian), data.shape[1], data.tobytes())


def expected(encoding):
    if PLAIN.get(encoding, encoding).startswith("mono"):
        return np.repeat(gray_of(slopes())[..., None], 3, axis=-1)
    return slopes()


def assert_same(image, wanted, tolerance):
    assert image.dtype == np.uint8
    assert image.shape == wanted.shape
    assert np.abs(image.astype(int) - wanted).max() <= tolerance


@pytest.mark.parametrize("encoding", BYTES_PER_PIXEL)
def test_every_encoding_shows_the_same_scene(encoding):
    image, wanted = decode_ros_image(message_of(encoding)), expected(encoding)
    if encoding.startswith("bayer"):  # its border has no neighbors to interpolate from
        image, wanted = image[2:-2, 2:-2], wanted[2:-2, 2:-2]
    if encoding in SIXTEEN_BIT:
        assert_spread(image, wanted)
    else:  # a YUV pixel shares its color with a neighbor eight units away
        assert_same(image, wanted, 10 if encoding in YUV else 0)


def assert_spread(image, wanted):
    """The same scene from the darkest to the brightest."""
    assert image.dtype == np.uint8
    assert image.shape == wanted.shape
    assert image.min() < 20
    assert image.max() > 230
    inside = (image > 0) & (image < 255)
    slope, start = np.polyfit(wanted[inside], image[inside], 1)
    assert slope > 1.0
    assert np.abs(slope * wanted[inside] + start - image[inside]).max() < 5


def kelvin(scene, span=200):
    """A scene as a thermal camera sends it: hundredths of a kelvin around 17 degrees Celsius."""
    samples = (29000 + span * (scene.astype(float) / 255)).astype("<u2")
    height, width = scene.shape
    return Message(height, width, "mono16", 0, 2 * width, samples.tobytes())


def test_two_kelvin_are_a_whole_picture(scene):
    gray = cv2.cvtColor(scene(3), cv2.COLOR_RGB2GRAY)
    image = decode_ros_image(kelvin(gray))[..., 0]
    low, high = np.percentile(gray, (1, 99))
    wanted = np.clip((gray - low) * 255 / (high - low), 0, 255)
    assert np.abs(image - wanted).mean() < 3.0


def test_a_dead_pixel_takes_nothing_of_the_range(scene):
    gray = cv2.cvtColor(scene(3), cv2.COLOR_RGB2GRAY)
    message = kelvin(gray)
    samples = np.frombuffer(message.data, "<u2").copy()
    samples[1000:1020] = 65535
    image = decode_ros_image(replace(message, data=samples.tobytes()))
    assert np.abs(image.astype(int) - decode_ros_image(message)).mean() < 1.0


def test_sixteen_bits_in_a_file_are_spread_as_in_a_message(scene):
    gray = cv2.cvtColor(scene(3), cv2.COLOR_RGB2GRAY)
    message = kelvin(gray)
    samples = np.frombuffer(message.data, "<u2").reshape(gray.shape)
    data = cv2.imencode(".png", samples)[1].tobytes()
    assert_same(decode_compressed(data), decode_ros_image(message), 2)


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_depths_are_no_looks(encoding):
    message = replace(message_of("mono16"), encoding=encoding)
    with pytest.raises(ImageError, match=f"{encoding} is a depth image by REP 118"):
        decode_ros_image(message)


def test_files_of_floating_point_numbers_are_no_pictures(tmp_path):
    path = tmp_path / "depth.tiff"
    cv2.imwrite(str(path), np.linspace(0.0, 9.0, 99, dtype=np.float32).reshape(3, 11, 3))
    with pytest.raises(ImageError, match="image of float32: those are no pictures"):
        read_image(path)


@pytest.mark.parametrize("encoding", BYTES_PER_PIXEL)
def test_padding_of_rows_is_not_part_of_the_image(encoding):
    assert_same(
        decode_ros_image(message_of(encoding, padding=7)),
        decode_ros_image(message_of(encoding)),
        0,
    )


def test_last_row_may_come_without_its_padding():
    message = message_of("rgb8", padding=10)
    image = decode_ros_image(replace(message, data=message.data[:-10]))
    assert_same(image, slopes(), 0)


@pytest.mark.parametrize("encoding", SIXTEEN_BIT)
def test_byte_order_changes_nothing(encoding):
    assert_same(
        decode_ros_image(message_of(encoding, big_endian=True)),
        decode_ros_image(message_of(encoding)),
        0,
    )


@pytest.mark.parametrize("encoding", ["mono8", "rgb8", "bgra8", "uyvy"])
def test_byte_order_means_nothing_for_bytes(encoding):
    message = message_of(encoding)
    assert_same(decode_ros_image(replace(message, is_bigendian=1)), decode_ros_image(message), 0)


@pytest.mark.parametrize(("change", "words"), [
    ({"height": 0}, "16x0"),
    ({"width": 0}, "0x12"),
    ({"step": 47}, "step = 47"),
    ({"step": 0}, "step = 0"),
    ({"step": 2**32 - 1}, "truncated"),
    ({"height": 2**32 - 1}, "truncated"),
    ({"data": b""}, "0 bytes"),
    ({"data": bytes(575)}, "575 bytes"),
    ({"encoding": ""}, "encoding ''"),
    ({"encoding": "RGB8"}, "'RGB8'"),
])  # fmt: skip
def test_a_message_that_contradicts_itself_is_refused_by_its_numbers(change, words):
    with pytest.raises(ImageError, match=words):
        decode_ros_image(replace(message_of("rgb8"), **change))


@pytest.mark.parametrize("encoding", YUV)
def test_yuv_of_odd_width_is_refused_in_one_line(encoding):
    odd = Message(2, 3, encoding, 0, 6, bytes(12))
    with pytest.raises(ImageError, match="3 pixels wide") as caught:
        decode_ros_image(odd)
    assert "\n" not in str(caught.value)


def test_packing_names_the_encoding_that_drivers_mean():
    packed = pack_ros_image(message_of("8UC3", padding=3))
    assert (packed.encoding, packed.step, packed.data.size) == ("bgr8", 48, 576)


SIZES = st.one_of(st.integers(0, 9), st.just(2**32 - 1))


@st.composite
def messages(draw):
    """Messages of which about half keep their own promises."""
    known = st.sampled_from(sorted(BYTES_PER_PIXEL))
    encoding = draw(st.one_of(known, known, known, st.text(max_size=8)))
    height, width = draw(SIZES), draw(SIZES)
    row = width * BYTES_PER_PIXEL.get(encoding, 1)
    step = draw(st.one_of(st.just(row), st.just(row + 3), st.integers(0, 2**32 - 1)))
    whole = min(height * step, 4000)
    data = bytes(draw(st.one_of(st.just(whole), st.integers(0, whole))))
    return Message(height, width, encoding, draw(st.integers(0, 255)), step, data)


@given(messages())
def test_raw_messages_become_an_image_of_their_size_or_an_image_error(message):
    try:
        image = decode_ros_image(message)
    except ImageError:
        return
    assert image.shape == (message.height, message.width, 3)
    assert image.dtype == np.uint8


def file_of(suffix, image=None, *options):
    image = cv2.resize(slopes(), (80, 60)) if image is None else image
    return cv2.imencode(suffix, image[..., ::-1] if image.ndim == 3 else image, options)[
        1
    ].tobytes()


JPEG, PNG = file_of(".jpg"), file_of(".png")
PROGRESSIVE = file_of(".jpg", None, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


def with_thumbnail():
    """A JPEG that carries a smaller JPEG in its header, as photo cameras write them."""
    small = file_of(".jpg", slopes())
    head = b"Exif\0\0" + small
    return JPEG[:2] + b"\xff\xe1" + (len(head) + 2).to_bytes(2, "big") + head + JPEG[2:]


@pytest.mark.parametrize(("suffix", "tolerance"), [(".png", 0), (".bmp", 0), (".jpg", 12)])
def test_files_keep_their_colors(suffix, tolerance):
    wanted = cv2.resize(slopes(), (80, 60))
    assert_same(decode_compressed(file_of(suffix)), wanted, tolerance)


def test_data_may_be_an_array():
    data = np.frombuffer(PNG, np.uint8)
    assert np.array_equal(decode_compressed(data), decode_compressed(PNG))


def test_gray_files_become_rgb():
    image = np.full((9, 11), 90, np.uint8)
    assert_same(decode_compressed(file_of(".png", image)), np.full((9, 11, 3), 90), 1)


def test_gray_jpeg_becomes_rgb():
    image = decode_compressed(file_of(".jpg", np.full((9, 11), 90, np.uint8)))
    assert_same(image, np.full((9, 11, 3), 90), 2)


def test_transparency_is_dropped():
    image = np.dstack([np.full((4, 5, 3), 80, np.uint8), np.zeros((4, 5), np.uint8)])
    data = cv2.imencode(".png", image)[1].tobytes()
    assert_same(decode_compressed(data), np.full((4, 5, 3), 80), 0)


WHOLE = [JPEG, PROGRESSIVE, with_thumbnail(), PNG]
WHOLE_NAMES = ["jpeg", "progressive jpeg", "jpeg with thumbnail", "png"]
PADDING = [b"\0", b"\0" * 65, b"\xff" * 4096, b"\r\n" * 100_000]


@pytest.mark.parametrize("data", WHOLE, ids=WHOLE_NAMES)
@pytest.mark.parametrize("padding", PADDING, ids=["one zero", "65 zeros", "ones", "long"])
def test_what_follows_the_end_marker_is_ignored(data, padding):
    assert np.array_equal(decode_compressed(data + padding), decode_compressed(data))


@given(st.sampled_from(WHOLE), st.data())
def test_a_file_cut_anywhere_is_refused(data, draw):
    cut = draw.draw(st.integers(0, len(data) - 1))
    with pytest.raises(ImageError):
        decode_compressed(data[:cut])


@given(st.sampled_from(WHOLE[:3]), st.data())
def test_a_jpeg_cut_within_its_scan_is_never_left_to_the_decoder(data, draw):
    # Older OpenCV fills what is missing with gray and says nothing.
    cut = draw.draw(st.integers(data.rfind(b"\xff\xda") + 2, len(data) - 1))
    with pytest.raises(ImageError, match="has no end marker"):
        decode_compressed(data[:cut])


@given(st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda tail: JPEG[:20] + tail),
    st.binary(max_size=200).map(lambda tail: PNG[:30] + tail + PNG[-12:]),
))  # fmt: skip
def test_any_bytes_become_an_image_or_an_image_error(data):
    try:
        image = decode_compressed(data)
    except ImageError:
        return
    check_image(image)


@given(st.sampled_from([JPEG, PNG]), st.data())
def test_damage_within_a_file_raises_nothing_but_an_image_error(data, draw):
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 8))):
        at = draw.draw(st.integers(40, len(data) - 1))  # beyond the size, which may ask for GiB
        damaged[at] = draw.draw(st.integers(0, 255))
    try:
        check_image(decode_compressed(bytes(damaged)))
    except ImageError:
        return


def test_read_image_reads_a_file(tmp_path):
    path = tmp_path / "wall.png"
    path.write_bytes(PNG)
    assert np.array_equal(read_image(path), decode_compressed(PNG))


@pytest.mark.parametrize("content", [None, b"", b"hello", JPEG[:300]])
def test_read_image_names_the_file_it_refuses(tmp_path, content):
    path = tmp_path / "wall.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=r"wall\.jpg"):
        read_image(path)


def test_read_image_refuses_a_folder(tmp_path):
    with pytest.raises(ImageError, match=tmp_path.name):
        read_image(tmp_path)


@pytest.mark.parametrize("image", [
    np.zeros((4, 4), np.uint8),
    np.zeros((4, 4, 4), np.uint8),
    np.zeros((4, 4, 3), np.float32),
    np.zeros((0, 4, 3), np.uint8),
    np.zeros((4, 0, 3), np.uint8),
], ids=lambda image: f"{image.dtype} {image.shape}")  # fmt: skip
def test_check_image_accepts_nothing_but_rgb(image):
    with pytest.raises(ImageError, match="uint8"):
        check_image(image)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 200))
def test_shrink_bounds_the_longer_side_and_never_enlarges(height, width, max_side):
    small = shrink(np.zeros((height, width, 3), np.uint8), max_side)
    assert max(small.shape[:2]) == min(max_side, max(height, width))
    assert min(small.shape[:2]) >= 1
    assert small.shape[0] <= height
    assert small.shape[1] <= width


def test_jpeg_keeps_red_red():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 250
    assert_same(decode_compressed(encode_jpeg(red)), red, 6)


def test_jpeg_of_nothing_is_refused():
    with pytest.raises(ImageError):
        encode_jpeg(np.zeros((0, 0, 3), np.uint8))


def test_png_loses_nothing():
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    assert np.array_equal(decode_compressed(encode_png(image)), image)
    with pytest.raises(ImageError):
        encode_png(np.zeros((0, 0, 3), np.uint8))


@pytest.mark.parametrize(("data", "suffix"), [
    (JPEG, ".jpg"), (PNG, ".png"), (b"RIFF....WEBP", ""), (b"", ""),
])  # fmt: skip
def test_files_in_memory_are_told_by_their_first_bytes(data, suffix):
    assert suffix_of(data) == suffix
