# SPDX-License-Identifier: Apache-2.0
"""One writer for a map at a time, and the folder operations that only it may do."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from vpr_ros.errors import MapError


class WriterLock:
    """Held by the one process that may write to a map; readers do not need it.

    It is a ``flock`` on a small file beside the map, which the kernel releases when the process
    dies, by whatever signal. SQLite's own lock would not do: it would have to be given up at every
    commit. Nor would a lock on the map file itself: closing it would silently release the locks
    that SQLite holds on the same file in this process (https://www.sqlite.org/howtocorrupt.html).
    """

    def __init__(self, path: Path) -> None:
        """Take the lock of the map at ``path``, which need not exist yet.

        Raises:
            MapError: Somebody else holds it, or its file cannot be written.
        """
        self._path = path.with_name(path.name + "-lock")
        try:
            self._file = self._take()
        except BlockingIOError as error:
            raise MapError(
                f"{path}: another program is writing to this map: stop it, or choose another file"
            ) from error
        except FileNotFoundError as error:
            raise MapError(f"{path}: the folder does not exist: create it first") from error
        except (OSError, ValueError) as error:
            raise MapError(f"{path}: cannot write here: {error}") from error

    def _take(self) -> int:
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The last holder may have removed the file between our two calls.
                if self._is_current(file):
                    return file
            except OSError:
                os.close(file)
                raise
            os.close(file)

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        if self._file < 0:
            return
        self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = -1


def publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name, so that it survives a power cut, complete or not at all.

    The caller holds the ``WriterLock`` of ``path`` and has seen that nothing is there.

    Raises:
        OSError: The disk refuses.
    """
    _sync(temporary)
    temporary.rename(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
