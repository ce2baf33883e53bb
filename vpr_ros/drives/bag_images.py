# SPDX-License-Identifier: Apache-2.0
"""Images of a bag by their number, without decoding those before."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from vpr_ros.datatypes import ImageArray
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_messages import image_of
from vpr_ros.drives.topics import Topic
from vpr_ros.errors import DatasetError, ImageError

_LITTLE_ENDIAN = 1
_SKIPPED = 30  # images that are passed over rather than searching for the next one


class ImageEntry(NamedTuple):
    """Where one image is in its bag."""

    stamp_ns: int  # of its header
    log_ns: int  # when it was recorded
    position: int  # how many images of the topic come before it
    repeat: int  # how many of those right before it were recorded at the same time
    frame_id: str  # of its header


def image_entries(bag: BagFile, topic: Topic) -> list[ImageEntry]:
    """All images of a topic in the order of the recording; only their headers are decoded."""
    entries: list[ImageEntry] = []
    for position, (log_ns, data) in enumerate(bag.raw_messages(topic)):
        is_repeat = bool(entries) and entries[-1].log_ns == log_ns
        repeat = entries[-1].repeat + 1 if is_repeat else 0
        stamp_ns, frame_id = _header(data)
        entries.append(ImageEntry(stamp_ns or log_ns, log_ns, position, repeat, frame_id))
    return entries


class BagImages:
    """Some images of a bag. The bag is opened with the first one that is read.

    Images read in their order stream from the bag; another order costs a search in its index, and
    what is compressed together with the image.
    """

    def __init__(self, path: Path, topic: Topic, entries: Sequence[ImageEntry]) -> None:
        """Take the entries that are meant, of those that ``image_entries`` found."""
        self._path = path
        self._topic = topic
        self._entries = list(entries)
        self.stamps_ns: Sequence[int] = [entry.stamp_ns for entry in entries]
        # Stamps in nanoseconds; with ``#2`` and so on where several images carry one.
        self.names: Sequence[str] = _unique([str(stamp_ns) for stamp_ns in self.stamps_ns])
        self._stream: _Stream | None = None
        self._lock = threading.Lock()  # a thread that reads ahead shares the stream

    def read(self, index: int) -> ImageArray:
        """One image, RGB, uint8 [H, W, 3].

        Raises:
            ImageError: it cannot be decoded.
            DatasetError: the bag cannot be opened any more, or has changed.
        """
        with self._lock:
            stream = self._stream = self._stream or _Stream(self._path, self._topic)
            data = stream.at(self._entries[index])
        try:
            return image_of(stream.decode(data))
        except (ImageError, DatasetError) as error:
            where = f"{self._path}: {self._topic.name} at {self.names[index]} ns"
            raise ImageError(f"{where}: {error}") from error

    def close(self) -> None:
        """Close the bag; reading opens it again."""
        with self._lock:
            if self._stream is not None:
                self._stream.close()
            self._stream = None


class _Stream:
    """The messages of a topic as they come, from wherever they are asked for."""

    def __init__(self, path: Path, topic: Topic) -> None:
        self._bag = BagFile(path)
        self._topic = topic
        self.decode = self._bag.decoder(topic)
        self._messages: Iterator[tuple[int, bytes]] = iter(())
        self._position = -1  # of the message that comes next; -1: nothing is open

    def at(self, entry: ImageEntry) -> bytes:
        """The message of an entry."""
        if not 0 <= entry.position - self._position <= _SKIPPED or self._position < 0:
            self._messages = self._bag.raw_messages(self._topic, entry.log_ns)
            self._position = entry.position - entry.repeat
        for log_ns, data in self._messages:
            # Split recordings may overlap in time: then others come first.
            if log_ns != entry.log_ns and self._position >= entry.position - entry.repeat:
                continue
            self._position += 1
            if self._position > entry.position:
                return data
        self._position = -1
        raise DatasetError(f"{self._bag.path}: no image at {entry.log_ns} ns: was it changed?")

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()


def _header(data: bytes) -> tuple[int, str]:
    """Stamp and frame of a serialized message that begins with a std_msgs/Header.

    After four bytes of encapsulation, whose second tells the byte order (DDS-XTypes, 7.6.2.1); a
    string is its length, its bytes and a zero.
    """
    if len(data) < 12:
        return 0, ""
    order = "<" if data[1] & _LITTLE_ENDIAN else ">"
    sec, nanosec = struct.unpack_from(f"{order}iI", data, 4)
    stamp_ns = int(sec) * 10**9 + int(nanosec)
    if len(data) < 16:
        return stamp_ns, ""
    (length,) = struct.unpack_from(f"{order}I", data, 12)
    return stamp_ns, bytes(data[16 : 16 + length]).rstrip(b"\0").decode(errors="replace")


def _unique(names: list[str]) -> list[str]:
    counts: dict[str, int] = {}
    found = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        found.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return found
