# SPDX-License-Identifier: Apache-2.0
"""From the bytes of a camera, a bag or a file to one RGB image, or a clear refusal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import ImageArray
from vpr_ros.errors import ImageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")

_YUV = ("uyvy", "yuv422", "yuyv", "yuv422_yuy2")

# Bytes per pixel of the encodings of sensor_msgs/image_encodings.hpp that show a scene to an eye.
BYTES_PER_PIXEL = {
    **dict.fromkeys(("mono8", "8UC1"), 1),
    "mono16": 2,
    **dict.fromkeys(("rgb8", "bgr8", "8UC3"), 3),
    **dict.fromkeys(("rgba8", "bgra8", "8UC4"), 4),
    **dict.fromkeys(("rgb16", "bgr16"), 6),
    **dict.fromkeys(("rgba16", "bgra16"), 8),
    **dict.fromkeys(("bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8"), 1),
    **dict.fromkeys(("bayer_rggb16", "bayer_bggr16", "bayer_gbrg16", "bayer_grbg16"), 2),
    **dict.fromkeys(_YUV, 2),
}
# Encodings that say only how wide a pixel is, and what drivers mean by them.
_PLAIN_NAMES = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8"}
_DEPTHS = ("16UC1", "32FC1")  # millimeters and meters, by REP 118

# Percent of the samples of an image with sixteen bits that may be darker than black or brighter
# than white: a few dead pixels, the sun or a stove must not take the range of all others.
_DARKEST, _BRIGHTEST = 1.0, 99.0
_SPREAD_BY = 7  # every so manyth sample tells the range; no divisor of the usual widths

_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"


class RosImage(Protocol):
    """The fields of ``sensor_msgs/Image``, whichever library made the message."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


@dataclass(frozen=True)
class PackedImage:
    """A ``sensor_msgs/Image`` of 8 bits that was checked and has no padding between its rows."""

    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: NDArray[np.uint8]


def pack_ros_image(message: RosImage) -> PackedImage:
    """Check a raw image message, drop the padding of its rows, and spread sixteen bits over eight.

    Raises:
        ImageError: zero size, unknown encoding, ``step`` or data that do not fit the size.
    """
    height, width, step, encoding = message.height, message.width, message.step, message.encoding
    if height <= 0 or width <= 0:
        raise ImageError(f"image of size {width}x{height}: the camera sent no pixels")
    if encoding in _DEPTHS:
        raise ImageError(
            f"{encoding} is a depth image by REP 118, which shows distances, no looks; name the "
            "topic of the picture (a thermal camera's driver should publish mono16)"
        )
    if encoding not in BYTES_PER_PIXEL:
        known = ", ".join(BYTES_PER_PIXEL)
        raise ImageError(f"image encoding {encoding!r} is not understood; known: {known}")
    if encoding in _YUV and width % 2:
        raise ImageError(f"{encoding} image {width} pixels wide: its pixels come in pairs")
    row = width * BYTES_PER_PIXEL[encoding]
    if step < row:
        raise ImageError(f"step = {step}: a row of {width} {encoding} pixels takes {row} bytes")
    data = np.frombuffer(message.data, np.uint8)
    if len(data) < step * (height - 1) + row:
        raise ImageError(f"{len(data)} bytes for {height} rows of {step}: the image is truncated")
    rows = np.lib.stride_tricks.as_strided(data, (height, row), (step, 1), writeable=False)
    name = _PLAIN_NAMES.get(encoding, encoding)
    if name.endswith("16"):
        order = ">u2" if message.is_bigendian else "<u2"
        channels = BYTES_PER_PIXEL[encoding] // 2
        samples = rows.reshape(-1).view(order).reshape(height, width, channels)
        rows, name, row = spread(samples), f"{name[:-2]}8", row // 2
    return PackedImage(height, width, name, False, row, rows.reshape(-1))


def spread(samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Sixteen bits as eight, by what is in the image: a map and a query alike.

    The scene of a thermal camera takes a thousandth of its range, that of a camera of 12 bits in
    sixteen a part of it that depends on the driver.

    Args:
        samples: [H, W, C]; of four channels the last one is no light.
    """
    light = samples[..., :3].reshape(-1)[::_SPREAD_BY].astype(np.float32)
    low, high = np.percentile(light, (_DARKEST, _BRIGHTEST))
    scaled = (samples.astype(np.float32) - low) * (255.0 / max(high - low, 1.0))
    return _as_uint8(np.clip(scaled, 0.0, 255.0))


def decode_ros_image(message: RosImage) -> ImageArray:
    """A raw image message as RGB, uint8 [H, W, 3].

    Raises:
        ImageError: as ``pack_ros_image``, or rosbags-image is not installed.
    """
    packed = pack_ros_image(message)
    try:
        from rosbags.image import image_to_cvimage
        from rosbags.image.image import ImageError as RosbagsImageError
    except ImportError as error:
        raise ImageError("raw images need rosbags-image: pip install rosbags-image") from error
    try:
        return _as_uint8(image_to_cvimage(packed, "rgb8"))  # type: ignore[arg-type]
    except (RosbagsImageError, cv2.error, TypeError, ValueError) as error:
        size = f"{packed.width}x{packed.height}"
        raise ImageError(
            f"{size} image in {packed.encoding} cannot be converted: {_one_line(error)}"
        ) from error


def decode_compressed(data: bytes | NDArray[np.uint8]) -> ImageArray:
    """A JPEG, PNG or other file held in memory as RGB, uint8 [H, W, 3].

    Raises:
        ImageError: empty, truncated, or not an image. Truncation is looked for first, because
            the JPEG decoder fills what is missing with gray without a word.
    """
    raw = bytes(data)
    if not raw:
        raise ImageError("compressed image of 0 bytes")
    if (kind := _truncated_kind(raw)) is not None:
        raise ImageError(f"{kind} of {len(raw)} bytes has no end marker: it is truncated")
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise ImageError(f"{len(raw)} bytes cannot be decoded: {_one_line(error)}") from error
    if image is None:
        raise ImageError(f"{len(raw)} bytes starting with {raw[:4].hex()} are not an image")
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{len(raw)} bytes hold an image of {image.dtype}: those are no pictures")
    plain = spread(np.asarray(image, np.uint16)) if image.dtype == np.uint16 else image
    return _as_uint8(cv2.cvtColor(plain, cv2.COLOR_BGR2RGB))


def read_image(path: Path) -> ImageArray:
    """An image file as RGB, uint8 [H, W, 3].

    Raises:
        ImageError: the file cannot be read or is not an image; the message names it.
    """
    try:
        return decode_compressed(path.read_bytes())
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def from_opencv(image: NDArray[np.uint8]) -> ImageArray:
    """OpenCV's BGR [H, W, 3] or gray [H, W, 1] as RGB, uint8 [H, W, 3].

    Raises:
        ImageError: the array is neither, or empty.
    """
    if image.ndim != 3 or image.shape[2] not in (1, 3) or image.size == 0:
        raise ImageError(f"expected BGR [H, W, 3] or gray [H, W, 1], got {list(image.shape)}")
    code = cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_GRAY2RGB
    return _as_uint8(cv2.cvtColor(image, code))


def check_image(image: ImageArray) -> None:
    """Raise ImageError unless the array is a non-empty uint8 [H, W, 3]."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ImageError(f"expected RGB uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")


def shrink(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """The image scaled down so that its longer side is at most ``max_side`` pixels."""
    height, width = image.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1.0:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _as_uint8(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def encode_jpeg(image: ImageArray, quality: int = 85) -> bytes:
    """An RGB image as JPEG.

    Raises:
        ImageError: OpenCV cannot encode it.
    """
    check_image(image)
    ok, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not ok:
        raise ImageError(f"{image.shape[1]}x{image.shape[0]} image cannot be written as JPEG")
    return data.tobytes()


def encode_png(image: ImageArray) -> bytes:
    """An RGB image as PNG, which loses nothing.

    Raises:
        ImageError: OpenCV cannot encode it.
    """
    check_image(image)
    # The fastest compression: the better ones take ten times as long to save a tenth.
    ok, data = cv2.imencode(
        ".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1]
    )
    if not ok:
        raise ImageError(f"{image.shape[1]}x{image.shape[0]} image cannot be written as PNG")
    return data.tobytes()


def suffix_of(data: bytes) -> str:
    """The file name's suffix for a JPEG or PNG held in memory; empty for anything else."""
    kinds = {_JPEG_START: ".jpg", _PNG_START: ".png"}
    return next((suffix for start, suffix in kinds.items() if data.startswith(start)), "")


def _truncated_kind(raw: bytes) -> str | None:
    """What kind of file it is, if its end marker is missing.

    Padding may follow the end marker. A JPEG may hold a smaller one as its thumbnail, so its own
    end marker is the one after the last scan; within a scan no such bytes can occur.
    """
    if raw.startswith(_JPEG_START) and raw.find(_JPEG_END, max(0, raw.rfind(_JPEG_SCAN))) < 0:
        return "JPEG"
    if raw.startswith(_PNG_START) and _PNG_END not in raw:
        return "PNG"
    return None


def _one_line(error: Exception) -> str:
    """OpenCV's messages run over several lines."""
    return " ".join(str(error).split())


def _as_uint8(image: Any) -> NDArray[np.uint8]:
    """OpenCV's arrays as what they are, for the type checker as for numpy."""
    return np.asarray(image, dtype=np.uint8)
