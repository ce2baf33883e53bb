# SPDX-License-Identifier: Apache-2.0
"""How descriptors become bytes and come back: nothing half-written or damaged is ever read.

Every blob starts with a header: rows and columns of its descriptors, and the CRC-32 of the rest.
SQLite notices damaged pages, not flipped bits inside a blob, and flash memory does lose bits.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray, LocalFeatures
from vpr_ros.errors import MapError

HEADER = struct.Struct("<III")  # rows, columns, CRC-32 of what follows
POINT_BYTES = 12  # x, y and score


class Codec(Protocol):
    """Stores local descriptors [N, C], exactly or not."""

    def size(self, rows: int, columns: int) -> int:
        """Return the number of bytes that descriptors of this shape take."""

    def rounded(self, descriptors: FloatArray) -> FloatArray:
        """Descriptors as they come back, float32 [N, C]; those that do not fit stay."""

    def encode(self, descriptors: FloatArray) -> bytes:
        """Turn descriptors into bytes.

        Raises:
            MapError: A value does not fit.
        """

    def decode(self, payload: memoryview, rows: int, columns: int) -> FloatArray:
        """Turn bytes of the right size back into descriptors, float32 [N, C]."""


@dataclass(frozen=True)
class FloatCodec:
    """Stores descriptors as floating-point numbers of one width."""

    name: str
    dtype: str

    def size(self, rows: int, columns: int) -> int:
        """Return the number of bytes that descriptors of this shape take."""
        return rows * columns * np.dtype(self.dtype).itemsize

    def rounded(self, descriptors: FloatArray) -> FloatArray:
        """Descriptors as they come back, float32 [N, C]; those that do not fit stay."""
        stored = self._narrowed(descriptors)
        return np.where(np.isfinite(stored), stored, descriptors).astype(np.float32)

    def encode(self, descriptors: FloatArray) -> bytes:
        """Turn descriptors into bytes.

        Raises:
            MapError: A value is too large for this width.
        """
        stored = self._narrowed(descriptors)
        if not np.isfinite(stored).all():
            largest = np.abs(descriptors).max()
            raise MapError(
                f"a local descriptor reaches {largest:g}, which {self.name} cannot hold: "
                "use the codec float32"
            )
        return stored.tobytes()

    def decode(self, payload: memoryview, rows: int, columns: int) -> FloatArray:
        """Turn bytes of the right size back into descriptors, float32 [N, C]."""
        return _floats(payload, self.dtype).reshape(rows, columns)

    def _narrowed(self, descriptors: FloatArray) -> NDArray[np.floating[Any]]:
        """In this width; infinite where they do not fit."""
        with np.errstate(over="ignore"):
            return descriptors.astype(self.dtype)


CODECS: dict[str, Codec] = {
    "float16": FloatCodec("float16", "<f2"),
    "float32": FloatCodec("float32", "<f4"),
}


def codec_of(name: str) -> Codec:
    """Return the codec of this name.

    Raises:
        MapError: There is none.
    """
    if name in CODECS:
        return CODECS[name]
    raise MapError(f"unknown codec {name!r} for local descriptors: known are {', '.join(CODECS)}")


def encode_global(descriptor: FloatArray) -> bytes:
    """Turn a global descriptor [D] into a blob; it stays float32."""
    return seal(1, len(descriptor), descriptor.astype("<f4").tobytes())


def decode_global(blob: object) -> FloatArray:
    """Turn a blob back into a global descriptor, float32 [D].

    Raises:
        MapError: The blob is truncated or damaged.
    """
    rows, columns, payload = unseal(blob)
    check_size(payload, rows * columns * 4)
    return _floats(payload, "<f4")


def encode_local(local: LocalFeatures | None, codec: str) -> bytes:
    """Turn local features into a blob, None into one without rows and columns.

    Raises:
        MapError: The codec is unknown or cannot hold a value.
    """
    if local is None:
        return seal(0, 0, b"")
    points = local.keypoints.astype("<f4").tobytes() + local.scores.astype("<f4").tobytes()
    rows, columns = local.descriptors.shape
    return seal(rows, columns, points + codec_of(codec).encode(local.descriptors))


def decode_local(blob: object, codec: str, image_size: tuple[int, int]) -> LocalFeatures | None:
    """Turn a blob back into local features, float32, of an image of this width and height.

    None where the method has none, as ``encode_local`` was told.

    Raises:
        MapError: The blob is truncated or damaged, or its codec is unknown.
    """
    rows, columns, payload = unseal(blob)
    decoder = codec_of(codec)
    check_size(payload, rows * POINT_BYTES + decoder.size(rows, columns))
    keypoints = _floats(payload[: rows * 8], "<f4").reshape(rows, 2)
    scores = _floats(payload[rows * 8 : rows * POINT_BYTES], "<f4")
    if not columns:
        return None
    descriptors = decoder.decode(payload[rows * POINT_BYTES :], rows, columns)
    return LocalFeatures(keypoints, scores, descriptors, image_size)


def seal(rows: int, columns: int, payload: bytes) -> bytes:
    """A blob: the header, then what it describes."""
    return HEADER.pack(rows, columns, zlib.crc32(payload)) + payload


def unseal(blob: object) -> tuple[int, int, memoryview]:
    """Rows, columns and the rest of a blob.

    Raises:
        MapError: it is truncated or damaged.
    """
    if not isinstance(blob, bytes) or len(blob) < HEADER.size:
        raise MapError("missing or truncated")
    rows, columns, checksum = HEADER.unpack_from(blob)
    payload = memoryview(blob)[HEADER.size :]
    if zlib.crc32(payload) != checksum:
        raise MapError(f"truncated or damaged ({len(blob)} bytes, the checksum differs)")
    return rows, columns, payload


def check_size(payload: memoryview, expected: int) -> None:
    """Refuse what does not have the size that its header asks for.

    Raises:
        MapError: it has not.
    """
    if len(payload) != expected:
        raise MapError(f"damaged: {len(payload)} bytes where the shape asks for {expected}")


def _floats(payload: memoryview, dtype: str) -> FloatArray:
    # A copy: a view would keep the whole blob alive. Read-only: caches hand it out many times.
    values = np.frombuffer(payload, dtype).astype(np.float32)
    values.setflags(write=False)
    return values
