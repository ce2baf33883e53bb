# SPDX-License-Identifier: Apache-2.0
"""Keyframes in and out of the tables, which ``schema.py`` describes with the format's history.

Everything here raises ``MapError`` and nothing else where the file or the disk fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.datatypes import Camera, Features, FloatArray
from vpr_ros.errors import MapError
from vpr_ros.place_map.codec import (
    codec_of,
    decode_global,
    decode_local,
)
from vpr_ros.place_map.database import Database
from vpr_ros.place_map.identity import derived_uuid
from vpr_ros.place_map.keyframe_table import NO_FRAME, Columns
from vpr_ros.place_map.rows import (
    KeyframeRow,
    PoseColumns,
    calibration_from_json,
    calibration_to_json,
    camera_from_json,
    spec_from_json,
)

_KEEP = (
    "INSERT INTO meta (key, value) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_POSE = ("x", "y", "z", "qx", "qy", "qz", "qw", "frame_id")
BATCH = 256  # global descriptors that are read at a time


class Store:
    """The tables of a map."""

    def __init__(self, database: Database) -> None:
        """Read what the map says of itself.

        Raises:
            MapError: It does not say it.
        """
        self._database = database
        self.path = database.path
        self.spec = spec_from_json(self._meta("model_spec"))
        self.space = self.spec.space
        self.codec = self._meta("codec")
        self.uuid = self._own_uuid()

    def columns(self) -> Columns:
        """Return all keyframes by ascending id."""
        rows = self._database.execute(
            "SELECT id, session_id, camera_id, stamp_ns, frame_id, x, y, z, qx, qy, qz, qw "
            "FROM keyframes ORDER BY id"
        )
        sessions = dict(self._database.execute("SELECT id, name FROM sessions"))
        cameras = self._database.execute("SELECT id, description FROM cameras")
        names = {None: "", **{n: camera_from_json(text).name for n, text in cameras}}
        frames = list(dict.fromkeys(row[4] for row in rows if row[4] is not None))
        numbers = {None: NO_FRAME, **{name: number for number, name in enumerate(frames)}}
        ids, own_sessions, own_cameras, stamps, own_frames, *pose = (
            zip(*rows, strict=True) if rows else [()] * 12
        )
        session_ids, camera_ids = list(sessions), list(names)
        return Columns(
            np.array(ids, np.int64),
            np.array(stamps, np.int64),
            np.array([session_ids.index(each) for each in own_sessions], np.int64),
            np.array([numbers[each] for each in own_frames], np.int64),
            np.array([camera_ids.index(each) for each in own_cameras], np.int64),
            np.array(pose, float).reshape(7, -1).T,
            list(sessions.values()),
            frames,
            list(names.values()),
        )

    def session_names(self) -> list[str]:
        """Return the names of all drives."""
        return [name for (name,) in self._database.execute("SELECT name FROM sessions")]

    def global_descriptors(self) -> Iterator[FloatArray]:
        """Yield descriptors float32 [M, D] of all keyframes by ascending id, in batches.

        Raises:
            MapError: A descriptor is missing or damaged.
        """
        query = (
            "SELECT id, blob FROM keyframes "
            "LEFT JOIN global_descriptors ON keyframe_id = id WHERE id > ? ORDER BY id LIMIT ?"
        )
        last = 0
        while rows := self._database.execute(query, (last, BATCH)):
            last = rows[-1][0]
            yield np.stack([self._decode_global(number, blob) for number, blob in rows])

    def features(self, keyframe_id: int) -> Features:
        """Return what ``append`` was given, as exactly as the codec keeps it.

        Raises:
            MapError: They are missing or damaged.
        """
        ((global_blob, codec, local_blob, *image_size),) = self._database.execute(
            "SELECT g.blob, codec, l.blob, width, height FROM (SELECT ? AS id) k "
            "LEFT JOIN global_descriptors g ON g.keyframe_id = k.id "
            "LEFT JOIN local_features l ON l.keyframe_id = k.id",
            (keyframe_id,),
        )
        try:
            local = decode_local(local_blob, codec, (image_size[0], image_size[1]))
        except MapError as error:
            raise self._damaged(keyframe_id, "local features", str(error)) from error
        return Features(self._decode_global(keyframe_id, global_blob), local)

    def thumbnail(self, keyframe_id: int) -> bytes:
        """Return the JPEG of a keyframe, empty where it has none."""
        query = "SELECT jpeg FROM thumbnails WHERE keyframe_id = ?"
        rows = self._database.execute(query, (keyframe_id,))
        return bytes(rows[0][0]) if rows else b""

    def camera(self, keyframe_id: int) -> Camera | None:
        """Return the camera that took a keyframe, None where it is not known."""
        rows = self._database.execute(
            "SELECT description FROM keyframes k JOIN cameras c ON c.id = k.camera_id "
            "WHERE k.id = ?",
            (keyframe_id,),
        )
        return camera_from_json(rows[0][0]) if rows else None

    def use_codec(self, codec: str) -> None:
        """Write keyframes with this codec from now on; earlier ones keep theirs.

        Raises:
            MapError: The codec is unknown, or the disk refuses.
        """
        codec_of(codec)
        if codec != self.codec:
            self._database.execute("UPDATE meta SET value = ? WHERE key = 'codec'", (codec,))
            self.codec = codec

    def calibration(self) -> CalibrationRecord | None:
        """Return what the map's scores are worth, None where that is not known.

        Raises:
            MapError: It is damaged.
        """
        rows = self._database.execute("SELECT value FROM meta WHERE key = 'calibration'")
        try:
            return calibration_from_json(rows[0][0]) if rows else None
        except MapError as error:
            raise MapError(f"{self.path}: {error}") from error

    def keep_calibration(self, record: CalibrationRecord) -> None:
        """Write down what the map's scores are worth, durable after a commit.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        self._database.begin()
        self._database.execute(_KEEP, ("calibration", calibration_to_json(record)))

    def forget_calibration(self) -> None:
        """Drop what the map's scores are worth, for good after a commit.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        self._database.begin()
        self._database.execute("DELETE FROM meta WHERE key = 'calibration'")

    def append(self, row: KeyframeRow, session: str) -> int:
        """Write a keyframe, visible to others and durable after a commit; return its id.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        self._database.begin()
        insert = self._database.insert
        session_id = self._id_of("sessions", "name", session)
        camera_id = (
            None if row.camera is None else self._id_of("cameras", "description", row.camera)
        )
        number = insert("keyframes", None, session_id, camera_id, row.stamp_ns, *row.pose)
        insert("global_descriptors", number, row.global_blob)
        insert("local_features", number, *row.image_size, row.codec, row.local_blob)
        if row.thumbnail:
            insert("thumbnails", number, row.thumbnail)
        return number

    def remove(self, ids: Iterable[int]) -> None:
        """Take keyframes out, for good after a commit.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        self._database.begin()
        for number in ids:
            for table in ("thumbnails", "global_descriptors", "local_features"):
                self._database.execute(f"DELETE FROM {table} WHERE keyframe_id = ?", (number,))
            self._database.execute("DELETE FROM keyframes WHERE id = ?", (number,))

    def correct_poses(self, poses: Iterable[tuple[int, PoseColumns]]) -> None:
        """Overwrite the poses of keyframes, by their ids.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        self._database.begin()
        names = ", ".join(f"{name} = ?" for name in _POSE)
        for number, columns in poses:
            self._database.execute(f"UPDATE keyframes SET {names} WHERE id = ?", (*columns, number))

    def _own_uuid(self) -> str:
        rows = self._database.execute("SELECT value FROM meta WHERE key = 'uuid'")
        if rows:
            return str(rows[0][0])
        keyframes = self._database.execute(
            "SELECT id, session_id, stamp_ns, substr(blob, 1, 12) FROM keyframes "
            "LEFT JOIN global_descriptors ON keyframe_id = id ORDER BY id"
        )
        return derived_uuid([self._meta("model_spec"), *keyframes])

    def _meta(self, key: str) -> str:
        rows = self._database.execute("SELECT value FROM meta WHERE key = ?", (key,))
        if not rows:
            raise MapError(f"{self.path}: damaged: it does not say its {key}")
        return str(rows[0][0])

    def _id_of(self, table: str, column: str, value: str) -> int:
        # Asked every time: what a rollback took away must not be remembered.
        query = f"INSERT INTO {table} ({column}) VALUES (?) ON CONFLICT DO NOTHING"
        self._database.execute(query, (value,))
        rows = self._database.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,))
        return int(rows[0][0])

    def _decode_global(self, keyframe_id: int, blob: object) -> FloatArray:
        try:
            descriptor = decode_global(blob)
        except MapError as error:
            raise self._damaged(keyframe_id, "global descriptor", str(error)) from error
        if len(descriptor) != self.spec.global_dim:
            why = f"{len(descriptor)} numbers where the model makes {self.spec.global_dim}"
            raise self._damaged(keyframe_id, "global descriptor", why)
        return descriptor

    def _damaged(self, keyframe_id: int, what: str, why: str) -> MapError:
        return MapError(
            f"{self.path}: {what} of keyframe {keyframe_id}: {why}: restore a copy of the map"
        )
