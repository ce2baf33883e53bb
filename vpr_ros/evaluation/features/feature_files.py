# SPDX-License-Identifier: Apache-2.0
"""Three files that features are appended to, of which a killed process loses nothing it finished.

    globals.f32   global descriptors, float32 [N, D], row after row; rows to come are holes
    locals.bin    local features as maps keep them, one blob after the other
    index.bin     one record for each image that is done, written last

A record says where its image's blob is and holds the checksum of its global descriptor, and each
blob and each record hold their own. So nothing has to be forced to the disk in any order: after a
kill all records that are there are true, after a power cut those that are not are noticed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vpr_ros.datatypes import FloatArray

_LOGGER = logging.getLogger(__name__)

_RECORD = struct.Struct("<QIIIIf")  # the fields of Record without what follows from them
_CHECKSUM = struct.Struct("<I")
RECORD_BYTES = _RECORD.size + _CHECKSUM.size
_AT_ONCE = 4096  # records that are checked between two looks at the memory


class Record(NamedTuple):
    """What is known of one image that is done."""

    offset: int  # of its blob in locals.bin
    length: int  # of that blob, bytes
    width: int  # of the image, pixels; 0 where it could not be read: the blob says why
    height: int
    checksum: int  # CRC-32 of its global descriptor
    seconds: float  # that describing it took

    @property
    def broken(self) -> bool:
        """Whether the image could not be described."""
        return self.width == 0


class FeatureFiles:
    """The three files of one list of images, open for reading and appending."""

    def __init__(self, folder: Path, count: int, dim: int) -> None:
        """Open the files, made if they are not there, and find out what is done.

        Whoever appends to them, here or in another process, is waited for: until ``unlock`` or
        ``close``.

        Args:
            folder: which must exist.
            count: N, images in the list.
            dim: D, values of a global descriptor.

        Raises:
            OSError: the folder cannot be read or written.
        """
        self.count, self._dim = count, dim
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        names = ("globals.f32", "locals.bin", "index.bin")
        self._globals, self._locals, self._index = (
            os.open(folder / name, flags, 0o644) for name in names
        )
        _lock(self._index, folder)
        os.ftruncate(self._globals, 4 * count * dim)  # holes take no space
        self._end = 0  # of what is used of locals.bin
        self.records: list[Record] = []
        self.claimed = min(os.fstat(self._index).st_size // RECORD_BYTES, count)
        self.descriptors: FloatArray = np.memmap(
            folder / names[0], np.float32, "r", shape=(count, dim)
        )
        self._take_over()

    @property
    def done(self) -> int:
        """How many images are done: the first so many of the list."""
        return len(self.records)

    def rows(self, start: int, stop: int) -> FloatArray:
        """Global descriptors of some images, float32 [stop - start, D], as a copy.

        Not through the memory map: what is read there counts as this process' memory.
        """
        size = 4 * self._dim
        raw = os.pread(self._globals, size * (stop - start), size * start)
        return np.frombuffer(raw, "<f4").reshape(stop - start, self._dim)

    def append(self, descriptor: FloatArray, blob: bytes, size: tuple[int, int], s: float) -> None:
        """Add the features of the next image, of this width and height, that took s seconds."""
        raw = np.ascontiguousarray(descriptor, "<f4").tobytes()
        self._write(raw, blob, size, s)

    def append_broken(self, reason: str) -> None:
        """Note that the next image cannot be described."""
        self._write(bytes(4 * self._dim), reason.encode(), (0, 0), 0.0)

    def replace_blob(self, number: int, blob: bytes) -> None:
        """Put another blob in place of one that was found damaged."""
        old = self.records[number]
        new = old._replace(offset=self._end, length=len(blob))
        _write_all(self._locals, blob, new.offset)
        self._end += len(blob)
        self._write_record(number, new)
        self.records[number] = new

    def blob(self, number: int) -> bytes:
        """The blob of an image that is done, as it was or damaged."""
        record = self.records[number]
        return os.pread(self._locals, record.length, record.offset)

    def unlock(self) -> None:
        """Let others open the files: nothing will be appended any more."""
        fcntl.flock(self._index, fcntl.LOCK_UN)

    def clear(self) -> None:
        """Forget everything."""
        self.records.clear()
        self._end = self.claimed = 0
        os.ftruncate(self._index, 0)
        os.ftruncate(self._locals, 0)

    def close(self) -> None:
        """Close the files; safe to call twice."""
        for file in (self._globals, self._locals, self._index) if self._index >= 0 else ():
            os.close(file)
        self._globals = self._locals = self._index = -1

    def _write(self, raw: bytes, blob: bytes, size: tuple[int, int], seconds: float) -> None:
        number = self.done
        if number >= self.count:
            raise IndexError(f"image {number} of {self.count}")
        _write_all(self._globals, raw, 4 * self._dim * number)
        _write_all(self._locals, blob, self._end)
        kept = float(np.float32(seconds))  # what a later process will read
        record = Record(self._end, len(blob), *size, zlib.crc32(raw), kept)
        self._write_record(number, record)  # last: what it speaks of is there
        self._end += len(blob)
        self.records.append(record)

    def _write_record(self, number: int, record: Record) -> None:
        packed = _RECORD.pack(*record)
        sealed = packed + _CHECKSUM.pack(zlib.crc32(packed))
        _write_all(self._index, sealed, number * RECORD_BYTES)

    def _take_over(self) -> None:
        """Keep the records up to the first that is not true, and cut off the rest."""
        size = os.fstat(self._locals).st_size
        for start in range(0, self.claimed, _AT_ONCE):
            count = min(_AT_ONCE, self.claimed - start)
            raw = os.pread(self._index, count * RECORD_BYTES, start * RECORD_BYTES)
            good = [_unpacked(raw, i) for i in range(count)]
            for number, record in enumerate(good, start):
                if record is None or not self._is_true(number, record, size):
                    break
                self.records.append(record)
            else:
                continue
            break
        self._end = max((each.offset + each.length for each in self.records), default=0)
        os.ftruncate(self._index, self.done * RECORD_BYTES)
        os.ftruncate(self._locals, self._end)

    def _is_true(self, number: int, record: Record, size: int) -> bool:
        if record.offset + record.length > size:
            return False
        return zlib.crc32(self.rows(number, number + 1).tobytes()) == record.checksum


def _lock(file: int, folder: Path) -> None:
    """Wait until nobody else appends; the kernel lets go of the file for processes that die."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _LOGGER.info("%s: waiting for another program that uses these features", folder)
        fcntl.flock(file, fcntl.LOCK_EX)


def _unpacked(raw: bytes, number: int) -> Record | None:
    """A record, None where it is damaged."""
    packed = raw[number * RECORD_BYTES : (number + 1) * RECORD_BYTES]
    body, seal = packed[: _RECORD.size], packed[_RECORD.size :]
    if _CHECKSUM.unpack(seal)[0] != zlib.crc32(body):
        return None
    return Record(*_RECORD.unpack(body))


def _write_all(file: int, data: bytes, offset: int) -> None:
    """Write everything, or raise OSError: a disk that is nearly full takes a part."""
    rest = memoryview(data)
    while len(rest):
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
