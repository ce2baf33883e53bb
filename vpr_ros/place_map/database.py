# SPDX-License-Identifier: Apache-2.0
"""An open map file: who may write to it, its transactions, and copies of it.

Everything here raises ``MapError`` and nothing else where the file or the disk fails.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import MapError
from vpr_ros.place_map.blocks import pack
from vpr_ros.place_map.connection import (
    check_file,
    check_format,
    connect_to_read,
    connect_to_write,
    translated,
    use_write_ahead_log,
    write_ahead_log,
)
from vpr_ros.place_map.creation import create_file, mark_copy, write_file
from vpr_ros.place_map.lock import WriterLock
from vpr_ros.place_map.migrations import migrate
from vpr_ros.place_map.schema import FORMAT_VERSION

log = logging.getLogger(__name__)


class Database:
    """An open map file. One thread at a time may use it, whichever thread opened it."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        lock: WriterLock | None,
        scratch: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        """Take over an open connection; use ``create``, ``open_to_write`` or ``open_to_read``."""
        self.path = path
        self._connection = connection
        self._lock = lock
        self._scratch = scratch  # where the file lies that is read in place of a protected one

    @classmethod
    def create(cls, path: Path, spec: ModelSpec, codec: str) -> Database:
        """Make an empty map and open it for writing.

        Raises:
            MapError: Something is there already, or it cannot be written.
        """
        path = resolved(path)
        lock = WriterLock(path)
        try:
            create_file(path, spec, codec)
        except BaseException:
            lock.release()
            raise
        return cls._open(path, lock)

    @classmethod
    def open_to_write(cls, path: Path) -> Database:
        """Open a map for reading and appending.

        Raises:
            MapError: It is no readable map, or another program is writing to it.
        """
        check_file(path)
        path = resolved(path)
        return cls._open(path, WriterLock(path))

    @classmethod
    def open_to_read(cls, path: Path) -> Database:
        """Open a map for reading, while another program may be writing to it.

        One of an older format is brought up to date first; where it is protected or in use, a
        temporary copy of it is.

        Raises:
            MapError: It is no readable map.
        """
        check_file(path)
        path = resolved(path)
        if not _is_old(path):
            return cls._open(path, None)
        try:
            cls.open_to_write(path).close()
        except MapError as error:
            log.info("%s: of an older format, a copy is read (%s)", path, error)
            return cls._open_copy(path)
        return cls._open(path, None)

    @classmethod
    def _open_copy(cls, path: Path) -> Database:
        scratch = tempfile.TemporaryDirectory(prefix="vprmap-")
        copy = Path(scratch.name) / path.name
        try:
            with (
                translated(path),
                closing(connect_to_read(path)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
            cls.open_to_write(copy).close()
            opened = cls._open(copy, None)
        except BaseException:
            scratch.cleanup()
            raise
        opened.path, opened._scratch = path, scratch
        return opened

    @classmethod
    def _open(cls, path: Path, lock: WriterLock | None) -> Database:
        connection = None
        try:
            with translated(path):
                connection = connect_to_write(path) if lock else connect_to_read(path)
                version = check_format(connection, path)
                if lock:
                    use_write_ahead_log(connection, path)
                    if version < FORMAT_VERSION:
                        migrate(connection, version)
                        _tidy(cls(path, connection, lock))
        except BaseException:
            if connection:
                connection.close()
            if lock:
                lock.release()
            raise
        return cls(path, connection, lock)

    @property
    def writable(self) -> bool:
        """Whether this is the one writer of the map."""
        return self._lock is not None

    @property
    def size_bytes(self) -> int:
        """What the map takes on the disk, with what is not yet folded into its file."""
        files = (self.path, write_ahead_log(self.path))
        return sum(file.stat().st_size for file in files if file.exists())

    def execute(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Run one statement and return its rows."""
        with translated(self.path):
            return self._connection.execute(query, values).fetchall()

    def insert(self, table: str, *values: object) -> int:
        """Write one row, all its columns in order, and return its id."""
        marks = ", ".join("?" * len(values))
        with translated(self.path):
            done = self._connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)
        return int(done.lastrowid or 0)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read inside be of one moment, while others write."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.rollback()

    def begin(self) -> None:
        """Start collecting what the next ``commit`` writes, if that is not under way."""
        if not self._in_transaction():
            self.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make everything written durable, even if the power fails right after."""
        if self._in_transaction():
            self.execute("COMMIT")

    def rollback(self) -> None:
        """Undo everything since the last commit; SQLite may have done so by itself."""
        with translated(self.path):
            self._connection.rollback()

    def copy_to(self, path: Path) -> None:
        """Write everything committed to a new file, without gaps.

        Raises:
            MapError: Something is there already, or the disk refuses.
        """
        path = resolved(path)
        lock = WriterLock(path)
        try:
            self.execute("PRAGMA query_only = OFF")  # it forbids to write any file
            write_file(path, self._vacuum_into)
        finally:
            lock.release()
            self.execute(f"PRAGMA query_only = {int(not self.writable)}")

    def close(self) -> None:
        """Drop what is not committed and close the file; safe to call twice."""
        try:
            with translated(self.path):
                self._connection.close()
        finally:
            if self._lock:
                self._lock.release()
            if self._scratch:
                self._scratch.cleanup()

    def _in_transaction(self) -> bool:
        with translated(self.path):
            return self._connection.in_transaction

    def _vacuum_into(self, temporary: Path) -> None:
        self._connection.execute("VACUUM INTO ?", (str(temporary),))
        mark_copy(temporary)


def _tidy(database: Database) -> None:
    """Let a map that was brought up to date open fast, and give back the room of what moved."""
    ((text,),) = database.execute("SELECT value FROM meta WHERE key = 'model_spec'") or [("{}",)]
    with suppress(ValueError, TypeError):
        pack(database, int(json.loads(text).get("global_dim", 0)))
    database.commit()
    try:
        database.execute("VACUUM")
    except MapError as error:  # it needs as much room again; the map is whole without
        log.info("%s: stays larger than it needs to be (%s)", database.path, error)


def _is_old(path: Path) -> bool:
    """Whether a map must be brought up to date to be read."""
    with translated(path), closing(connect_to_read(path)) as connection:
        return check_format(connection, path) < FORMAT_VERSION


def resolved(path: Path) -> Path:
    """Return the file behind links: one map has one lock and one write-ahead log.

    Raises:
        MapError: The path cannot be one.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise MapError(f"{path}: not a usable path: {error}") from error
