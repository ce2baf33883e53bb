# SPDX-License-Identifier: Apache-2.0
"""Writing files that are there complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PART = ".part"  # suffix of what is not finished


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files of one folder; they get their names, in this order, once all are on the disk.

    After a power cut some may be new and others old, but none is half-written. What a killed
    process leaves ends in ``PART``.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the old files are still there.
    """
    # Writers of one file do not meet: each has a name of its own until the end.
    parts = {path: path.with_name(f"{path.name}.{os.getpid()}{PART}") for path in contents}
    try:
        for path, part in parts.items():
            _write(part, contents[path])
        for path, part in parts.items():
            part.replace(path)
    except BaseException:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in parts}:
        _sync_folder(folder)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
