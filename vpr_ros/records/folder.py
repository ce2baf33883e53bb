# SPDX-License-Identifier: Apache-2.0
"""Answered images kept for later: an image file and what was made of it, in a bounded folder.

A record is ``STAMP.png`` (or whatever the camera sent) and ``STAMP.json``, the stamp in nanoseconds
with 19 digits. Such a folder is a drive as ``vpr localize FOLDER`` reads it, so that records can be
answered again, by another map or with other settings; a single image can, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpr_ros.atomic_file import write_files

# What a killed program left behind has another suffix and belongs to its record, too.
_NAME = re.compile(r"([0-9]{19})\.(?:json|[a-z]{3,4})(?:\.[0-9]+\.part)?")


@dataclass(frozen=True)
class EncodedImage:
    """An image as its file holds it."""

    data: bytes
    suffix: str  # with its dot: .png, .jpg


@dataclass(frozen=True)
class _Kept:
    """A record that is in the folder."""

    files: tuple[Path, ...]
    size: int  # bytes
    written_ns: int


class RecordFolder:
    """Never holds more records, nor more bytes, than it may; the oldest make room.

    Only files with names of records are counted and removed. One program at a time should write.
    """

    def __init__(self, path: Path, max_count: int, max_bytes: int) -> None:
        """Keep at most so many records and bytes; the folder is made with the first record."""
        self.path, self._max_count, self._max_bytes = path, max_count, max_bytes

    def save(self, stamp_ns: int, image: EncodedImage, answer: Mapping[str, Any]) -> Path:
        """Write a record, or none at all; one of the same stamp is replaced.

        Returns:
            The path of the image.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        path = self.path / f"{stamp_ns:019d}{image.suffix}"
        text = json.dumps({**answer, "image": path.name}, indent=1, allow_nan=False) + "\n"
        note = path.with_suffix(".json")
        contents = {path: image.data, note: text.encode()}
        self.path.mkdir(parents=True, exist_ok=True)
        found = self._records()
        same = found.pop(path.stem, None)
        self._make_room(sum(map(len, contents.values())), found)
        # The note comes last: where it is, the image is.
        write_files(contents)
        _remove(set(same.files if same else ()) - set(contents))
        return path

    def _make_room(self, needed: int, others: Mapping[str, _Kept]) -> None:
        """Remove the oldest of the other records until a new one has its place."""
        if needed > self._max_bytes:
            limit = f"{self._max_bytes / 1e6:.1f} MB may be kept"
            raise OSError(f"a record of {needed / 1e6:.1f} MB is too large: {limit}")
        count, size = 1, needed
        for record in sorted(others.values(), key=lambda each: -each.written_ns):
            count, size = count + 1, size + record.size
            if count > self._max_count or size > self._max_bytes:
                _remove(record.files)

    def _records(self) -> dict[str, _Kept]:
        """The records in the folder, by their stamps."""
        files: dict[str, list[Path]] = {}
        for file in sorted(path for path in self.path.iterdir() if _NAME.fullmatch(path.name)):
            files.setdefault(file.name[:19], []).append(file)
        found = {}
        for stem, paths in files.items():
            stats = [path.stat() for path in paths]
            size, written_ns = sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)
            found[stem] = _Kept(tuple(paths), size, written_ns)
        return found


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
