# SPDX-License-Identifier: Apache-2.0
"""Maps of older formats are brought up to the present one; ``schema.py`` has the history.

All steps are one transaction: a map is of the old format or of the new one, whatever happens.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.transforms import LINK_T_OPTICAL, RigidTransform
from vpr_ros.place_map.checksum import row_crc, stands_for
from vpr_ros.place_map.identity import derived_uuid
from vpr_ros.place_map.schema import FORMAT_VERSION, LOCAL, TABLES

_BATCH = 64  # keyframes whose features are moved at a time
_OLD = ("meta", "sessions", "cameras", "keyframes", "thumbnails", "global_descriptors")
_KEPT = ("model_spec", "codec", "calibration", "uuid")


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a map up to the present format; the caller holds its writer lock.

    Raises:
        sqlite3.Error: it is damaged, or the disk refuses; then it is what it was.
    """
    connection.create_function("row_crc", -1, row_crc, deterministic=True)
    connection.create_function("stands_for", 1, stands_for, deterministic=True)
    connection.create_function("crc32", 1, lambda blob: zlib.crc32(blob or b""))
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, FORMAT_VERSION):
            _STEPS[step](connection)
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _from_1(connection: sqlite3.Connection) -> None:
    do = connection.execute
    for table in (*_OLD, "local_features"):
        do(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in TABLES.split(";"):
        do(statement)
    for key, value in _meta_of_1(connection).items():
        do("INSERT INTO meta VALUES (?, ?, ?)", (key, value, row_crc(key, value)))
    do("INSERT INTO sessions SELECT id, name, row_crc(id, name) FROM old_sessions")
    for number, description in do("SELECT id, description FROM old_cameras").fetchall():
        text = _optical(description)
        do("INSERT INTO cameras VALUES (?, ?, ?)", (number, text, row_crc(number, text)))
    do(
        "INSERT INTO frames SELECT id, name, row_crc(id, name) FROM (SELECT row_number() OVER () "
        "AS id, name FROM (SELECT DISTINCT frame_id AS name FROM old_keyframes "
        "WHERE frame_id IS NOT NULL ORDER BY name))"
    )
    columns = "k.id, session_id, camera_id, stamp_ns, x, y, z, qx, qy, qz, qw, f.id"
    do(
        f"INSERT INTO keyframes SELECT {columns}, row_crc({columns}) FROM old_keyframes k "
        "LEFT JOIN frames f ON f.name = k.frame_id ORDER BY k.id"
    )
    do(
        "INSERT INTO thumbnails SELECT keyframe_id, jpeg, row_crc(keyframe_id, crc32(jpeg)) "
        "FROM old_thumbnails"
    )
    do(
        "INSERT INTO global_descriptors SELECT keyframe_id, 'float32', blob, "
        "row_crc(keyframe_id, 'float32', stands_for(blob)) FROM old_global_descriptors"
    )
    _move_features(connection)
    for table in (*_OLD, "local_features"):
        do(f"DROP TABLE old_{table}")


def _meta_of_1(connection: sqlite3.Connection) -> dict[str, str]:
    """What stays of the table ``meta``, and a uuid that depends on nothing but the map."""
    meta = dict(connection.execute("SELECT key, value FROM old_meta").fetchall())
    if "uuid" not in meta:
        keyframes = connection.execute(
            "SELECT k.id, s.name, k.stamp_ns, substr(g.blob, 1, 12) FROM old_keyframes k "
            "JOIN old_sessions s ON s.id = session_id "
            "LEFT JOIN old_global_descriptors g ON g.keyframe_id = k.id ORDER BY k.id"
        )
        meta["uuid"] = derived_uuid([meta.get("model_spec"), *keyframes])
    return {key: meta[key] for key in _KEPT if key in meta}


def _optical(description: str) -> str:
    """A camera with its mount turned to the axes of its images."""
    try:
        camera = json.loads(description)
        x, y, z, *orientation, frame = camera["mount"]
        mount = Pose((x, y, z), tuple(orientation), frame)
    except (KeyError, TypeError, ValueError):
        return description  # it has none, or is damaged: then using it says so
    turned = (RigidTransform.of_pose(mount) @ LINK_T_OPTICAL).as_pose(frame)
    camera["mount"] = [*turned.position, *turned.orientation, frame]
    return json.dumps(camera, sort_keys=True)


def _move_features(connection: sqlite3.Connection) -> None:
    """Move the local features; the room of those that are moved is used again at once."""
    do = connection.execute
    while True:
        rows = do(f"SELECT keyframe_id FROM old_local_features LIMIT {_BATCH}").fetchall()
        if not rows:
            return
        last = (rows[-1][0],)
        values = f"keyframe_id, '{LOCAL}', width, height, codec"
        do(
            f"INSERT INTO local_features SELECT {values}, blob, row_crc({values}, "
            "stands_for(blob)) FROM old_local_features WHERE keyframe_id <= ?",
            last,
        )
        do("DELETE FROM old_local_features WHERE keyframe_id <= ?", last)


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1}
