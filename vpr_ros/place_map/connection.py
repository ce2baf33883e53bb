# SPDX-License-Identifier: Apache-2.0
"""SQLite connections to map files, and its errors in the words of a map.

Durable once committed: a writer uses the write-ahead log with ``synchronous=FULL``, which waits for
the disk at every commit. ``NORMAL`` would survive a killed process too, but not a power cut: the
last commits could be rolled back, and a robot's battery does run empty.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vpr_ros.errors import MapError
from vpr_ros.place_map.schema import APPLICATION_ID, FORMAT_VERSION

BUSY_TIMEOUT_S = 5.0

# What SQLite says (Python 3.10 has no error codes) -> what it means for a map.
MEANINGS = {
    "disk is full": "the disk is full: make room",
    "malformed": "truncated or damaged: restore a copy of it",
    "not a database": "not a map: no SQLite database",
    "locked": "another program keeps it locked: close that program",
    "readonly": "no permission to write: change the owner or mode of the file and its folder",
    "unable to open": "cannot be opened: check the permissions of the file and its folder",
    "closed database": "already closed",
    "no such table": "damaged: a table is missing",
    "disk I/O error": "the disk failed to read or write, or a limit on file sizes was reached",
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn whatever SQLite raises into a MapError about the map at ``path``.

    Raises:
        MapError: The block raised an error of SQLite.
    """
    try:
        yield
    except sqlite3.Error as error:
        meaning = next((words for said, words in MEANINGS.items() if said in str(error)), None)
        detail = f"{meaning} ({error})" if meaning else str(error)
        raise MapError(f"{path}: {detail}") from error
    except (UnicodeError, OverflowError) as error:
        raise MapError(f"{path}: a value that cannot be stored: {error}") from error


def write_ahead_log(path: Path) -> Path:
    """Return where SQLite keeps what is committed, but not yet moved into the map file."""
    return path.with_name(path.name + "-wal")


def logs_beside(path: Path) -> list[Path]:
    """Return the files there are without which SQLite would misread the map file.

    The rollback journal is not ours, but other programs for SQLite may leave one.
    """
    logs = (write_ahead_log(path), path.with_name(path.name + "-journal"))
    return [log for log in logs if log.exists()]


def use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    """Let readers read while one writes; the file remembers it.

    Raises:
        MapError: The file system cannot do that.
    """
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise MapError(
            f"{path}: this file system has no shared memory, which readers beside a writer need: "
            "keep the map on a local disk"
        )


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Open an existing file for reading and writing.

    Raises:
        MapError: There is no permission.
        sqlite3.Error: It cannot be opened.
    """
    # SQLite would quietly open a protected file for reading only.
    if _is_protected(path):
        raise MapError(f"{path}: {MEANINGS['readonly']}")
    connection = _connect(path, "mode=rw")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing file for reading, on a protected file or folder as well.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    # In a protected folder SQLite cannot make the files beside the map that tell it of writers, and
    # beside a protected file it makes some that the owner cannot write. Without a log there is no
    # writer, and nothing committed outside of the map: then the map alone will do. Should the owner
    # start to write later, reading features may fail, but their checksums let nothing wrong pass.
    alone = _is_protected(path) and not logs_beside(path)
    # Otherwise not mode=ro: the last connection to close must be able to fold the log back into the
    # map, or every look would leave a -wal and a -shm file behind.
    connection = _connect(path, "mode=ro&immutable=1" if alone else "mode=rw")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _is_protected(path: Path) -> bool:
    return not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,  # transactions begin and end where the code says so
        check_same_thread=False,
    )
    # A map may come from a stranger: nothing in its schema may call functions.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def check_file(path: Path) -> None:
    """Refuse what is no file before SQLite sees it.

    The file is not opened: closing it would release the locks that SQLite holds on it.

    Raises:
        MapError: Nothing is there, or it is a folder, empty, or not readable.
    """
    try:
        size = path.stat().st_size
        is_file = path.is_file()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MapError(f"{path}: no such map: build one first, or check the name") from error
    except (OSError, ValueError) as error:
        raise MapError(f"{path}: cannot be opened: {error}") from error
    if not is_file:
        raise MapError(f"{path}: not a map but a folder or device: name a file")
    if not os.access(path, os.R_OK):
        raise MapError(f"{path}: no permission to read: change the owner or mode of the file")
    if size == 0:
        raise MapError(f"{path}: not a map: the file is empty")


def check_format(connection: sqlite3.Connection, path: Path) -> int:
    """Refuse a database that this version cannot read; return the number of its format.

    What opening needs carries checksums of its own. Of the file as a whole it only asks whether
    all of it is there: reading it all would take longer than everything else.

    Raises:
        MapError: It is not a map, of an unknown format, or truncated.
        sqlite3.Error: It is not even a database.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise MapError(f"{path}: not a map: a database of another program")
    if version > FORMAT_VERSION:
        raise MapError(
            f"{path}: format {version} is newer than {FORMAT_VERSION}, "
            "which this version of vpr_ros reads: update vpr_ros"
        )
    if version < 1:
        raise MapError(f"{path}: damaged: there is no map format {version}")
    ((pages,), (page_size,)) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    # With a log beside it, the end of the map may still be in there.
    is_whole = path.stat().st_size >= pages * page_size
    if not is_whole and not any(log.stat().st_size for log in logs_beside(path)):
        raise MapError(f"{path}: truncated or damaged: restore a copy of it")
    return int(version)
