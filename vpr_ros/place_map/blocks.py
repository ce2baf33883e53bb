# SPDX-License-Identifier: Apache-2.0
"""What opening needs of keyframes, packed: a map of 100,000 opens in a tenth of the time.

Rows are what a map is made of; appending a keyframe writes nothing else. Whenever there are enough
of them, a commit packs the next ``SIZE`` keyframes into a block, in the same transaction. Blocks
cover the first keyframes without a gap, rows are read behind them. Whatever changes or removes a
keyframe deletes its block and those behind it.

A block's ``facts`` are records of ``FACTS``, its ``descriptors`` float32 [SIZE, D].
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.datatypes import FloatArray
from vpr_ros.errors import MapError
from vpr_ros.place_map.checksum import checked, stands_for
from vpr_ros.place_map.codec import decode_global

if TYPE_CHECKING:
    from vpr_ros.place_map.database import Database

SIZE = 256  # keyframes
BATCH = 256  # keyframes whose rows are read at a time

# As the columns of ``keyframes``; 0 for no camera and no frame, NaN without a pose.
FACTS = np.dtype(
    [
        ("id", "<i8"),
        ("session", "<i8"),
        ("camera", "<i8"),
        ("stamp_ns", "<i8"),
        ("pose", "<f8", 7),
        ("frame", "<i8"),
    ]
)
Facts = NDArray[np.void]  # of FACTS
_NAN = float("nan")

log = logging.getLogger(__name__)


def facts_of(database: Database) -> Facts:
    """The facts of all keyframes by ascending id.

    Raises:
        MapError: a keyframe's row is damaged.
    """
    parts, last = [np.empty(0, FACTS)], 0
    query = "SELECT first_id, last_id, facts, facts_crc FROM blocks ORDER BY first_id"
    for first, last, blob, crc in database.execute(query):
        if zlib.crc32(blob) == crc:
            parts.append(np.frombuffer(blob, FACTS))
        else:
            parts.append(facts_of_rows(database, first, last))
            _complain(database, first, last)
    return np.concatenate([*parts, facts_of_rows(database, last + 1)])


def descriptors_of(database: Database, dim: int) -> Iterator[FloatArray]:
    """The global descriptors of all keyframes by ascending id, float32 [M, dim] at a time.

    Raises:
        MapError: a descriptor is missing or damaged.
    """
    last = 0
    for first, last in database.execute("SELECT first_id, last_id FROM blocks ORDER BY first_id"):
        ((blob, crc),) = database.execute(
            "SELECT descriptors, descriptors_crc FROM blocks WHERE first_id = ?", (first,)
        )
        if zlib.crc32(blob) == crc:
            yield np.frombuffer(blob, "<f4").reshape(-1, dim)
        else:
            yield from _descriptors(database, dim, first, last)
            _complain(database, first, last)
    yield from _descriptors(database, dim, last + 1)


def pack(database: Database, dim: int) -> None:
    """Pack the keyframes that wait for it, if they fill a block.

    Damaged ones end it: then rows go on to be read, one by one.

    Raises:
        MapError: the disk refuses; a rollback is then due.
    """
    (last,) = database.execute("SELECT coalesce(max(last_id), 0) FROM blocks")[0]
    query = "SELECT id FROM keyframes WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?"
    while rows := database.execute(query, (last, SIZE - 1)):
        first, last = last + 1, rows[0][0]
        try:
            facts = facts_of_rows(database, first, last).tobytes()
            parts = list(_descriptors(database, dim, first, last))
        except MapError as error:
            log.warning("%s", error)
            return
        descriptors = np.concatenate(parts).astype("<f4").tobytes()
        crcs = zlib.crc32(facts), zlib.crc32(descriptors)
        database.begin()
        database.insert("blocks", first, last, facts, descriptors, *crcs)


def unpack(database: Database, first: int) -> None:
    """Delete the block of a keyframe, and those behind it."""
    database.begin()
    database.execute("DELETE FROM blocks WHERE last_id >= ?", (first,))


def facts_of_rows(database: Database, first: int, last: int = 2**62) -> Facts:
    """The facts of some keyframes by ascending id, from their rows.

    Raises:
        MapError: one is damaged.
    """
    rows = database.execute(
        "SELECT id, session_id, camera_id, stamp_ns, x, y, z, qx, qy, qz, qw, frame_id, crc "
        "FROM keyframes WHERE id BETWEEN ? AND ? ORDER BY id",
        (first, last),
    )
    facts = np.zeros(len(rows), FACTS)
    for place, row in enumerate(rows):
        number, session, camera, stamp_ns, *pose, frame, _ = row
        checked(row, f"{database.path}: keyframe {number}")
        numbers = [_NAN if value is None else value for value in pose]
        facts[place] = number, session, camera or 0, stamp_ns, numbers, frame or 0
    return facts


def damaged_blocks(database: Database, dim: int) -> Iterator[str]:
    """Which blocks say another thing than the rows that they were made of, in words."""
    query = "SELECT first_id, last_id, facts, descriptors, facts_crc, descriptors_crc FROM blocks"
    for first, last, facts, descriptors, *crcs in database.execute(query):
        name = f"{database.path}: the block of keyframes {first} to {last}"
        if [zlib.crc32(facts), zlib.crc32(descriptors)] != crcs:
            yield f"{name}: damaged (the checksum differs)"
            continue
        try:
            rows = np.concatenate(list(_descriptors(database, dim, first, last)))
            same = facts == facts_of_rows(database, first, last).tobytes()
        except MapError:
            continue  # of its rows is told elsewhere
        if not same or descriptors != rows.astype("<f4").tobytes():
            yield f"{name}: not what its rows say"


def decoded(row: tuple[Any, ...], dim: int, path: object) -> FloatArray:
    """The global descriptor [dim] of a keyframe.

    Args:
        row: id of the keyframe, codec, blob, checksum.
        dim: values that it must have.
        path: of the map.

    Raises:
        MapError: it is missing or damaged.
    """
    number, codec, blob, crc = row
    what = f"{path}: global descriptor of keyframe {number}"
    try:
        descriptor = decode_global(blob)
    except MapError as error:
        raise MapError(f"{what}: {error}: restore a copy of the map") from error
    checked((number, codec, stands_for(blob), crc), what)
    if len(descriptor) != dim:
        why = f"{len(descriptor)} numbers where the model makes {dim}"
        raise MapError(f"{what}: {why}: restore a copy of the map")
    return descriptor


def _complain(database: Database, first: int, last: int) -> None:
    log.warning(
        "%s: the block of keyframes %d to %d is damaged: their rows are read instead",
        database.path,
        first,
        last,
    )


def _descriptors(
    database: Database, dim: int, first: int, last: int = 2**62
) -> Iterator[FloatArray]:
    query = (
        "SELECT id, codec, blob, g.crc FROM keyframes LEFT JOIN global_descriptors g "
        "ON keyframe_id = id WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
    )
    while rows := database.execute(query, (first, last, BATCH)):
        first = rows[-1][0] + 1
        yield np.stack([decoded(row, dim, database.path) for row in rows])
