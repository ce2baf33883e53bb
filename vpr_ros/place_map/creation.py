# SPDX-License-Identifier: Apache-2.0
"""New map files: written under a temporary name, so that a map is there complete or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import MapError
from vpr_ros.place_map.checksum import row_crc
from vpr_ros.place_map.codec import codec_of
from vpr_ros.place_map.connection import logs_beside, translated, use_write_ahead_log
from vpr_ros.place_map.identity import new_uuid
from vpr_ros.place_map.lock import publish
from vpr_ros.place_map.rows import spec_to_json
from vpr_ros.place_map.schema import APPLICATION_ID, FORMAT_VERSION, PAGE_SIZE, TABLES


def create_file(path: Path, spec: ModelSpec, codec: str) -> None:
    """Write an empty map.

    The caller holds the writer lock of ``path``.

    Raises:
        MapError: Something is there already, the codec is unknown, or the disk refuses.
    """
    codec_of(codec)
    meta = {"model_spec": spec_to_json(spec), "uuid": new_uuid(), "codec": codec}
    write_file(path, lambda temporary: _write_tables(temporary, meta))


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make a file, then give it its name.

    The caller holds the writer lock of ``path``.

    Raises:
        MapError: Something is there already, or the disk refuses.
    """
    _refuse_existing(path)
    temporary = path.with_name(path.name + "-new")
    try:
        _remove(temporary)  # left by a process that was killed
        with translated(path):
            write(temporary)
            _switch_to_write_ahead_log(temporary)
        publish(temporary, path)
    except OSError as error:
        raise MapError(f"{path}: cannot be written: {error}") from error
    finally:
        _remove(temporary)


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise MapError(f"{path}: already there: open it, or choose another name")
    for log in logs_beside(path):  # SQLite would take it for the new map's
        raise MapError(f"{log}: left from a map that is gone: move it away, or delete it")


def _remove(temporary: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)


def _connect(temporary: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(temporary, isolation_level=None)
    # No journal file: half of a map that has no name yet is not worth recovering.
    connection.execute("PRAGMA journal_mode = MEMORY")
    return connection


def _write_tables(temporary: Path, meta: dict[str, str]) -> None:
    with closing(_connect(temporary)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.executescript(f"BEGIN; {TABLES} COMMIT;")
        rows = [(key, value, row_crc(key, value)) for key, value in meta.items()]
        connection.executemany("INSERT INTO meta VALUES (?, ?, ?)", rows)


def mark_copy(temporary: Path) -> None:
    """Let a file say that it is a copy of a map."""
    with closing(_connect(temporary)) as connection:
        row = ("is_copy", "yes", row_crc("is_copy", "yes"))
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", row)


def _switch_to_write_ahead_log(temporary: Path) -> None:
    # Before the file has its name: the switch itself needs the old kind of journal.
    with closing(_connect(temporary)) as connection:
        use_write_ahead_log(connection, temporary)
