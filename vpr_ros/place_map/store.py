# SPDX-License-Identifier: Apache-2.0
"""Keyframes in and out of the tables, which ``schema.py`` describes with the format's history.

Everything here raises ``MapError`` and nothing else where the file or the disk fails.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.datatypes import Camera, Features, FloatArray, LocalFeatures
from vpr_ros.errors import MapError
from vpr_ros.place_map import points_codec
from vpr_ros.place_map.blocks import decoded, descriptors_of, facts_of, pack, unpack
from vpr_ros.place_map.checksum import checked, row_crc, stands_for
from vpr_ros.place_map.codec import codec_of, decode_local
from vpr_ros.place_map.database import Database
from vpr_ros.place_map.identity import new_uuid
from vpr_ros.place_map.keyframe_table import NO_FRAME, Columns, Numbers
from vpr_ros.place_map.rows import (
    KeyframeRow,
    PoseColumns,
    calibration_from_json,
    calibration_to_json,
    camera_from_json,
    spec_from_json,
)
from vpr_ros.place_map.schema import LOCAL, POINTS

_POSE = ("x", "y", "z", "qx", "qy", "qz", "qw", "frame_id")
_COLUMNS = ("id", "session_id", "camera_id", "stamp_ns", *_POSE)


class Store:
    """The tables of a map."""

    def __init__(self, database: Database) -> None:
        """Read what the map says of itself; a copy that is to be written to becomes another map.

        Raises:
            MapError: It does not say it, or it is damaged.
        """
        self._database = database
        self.path = database.path
        if database.writable and self._meta("is_copy") is not None:
            self._keep("uuid", new_uuid())
            self._forget("is_copy")
            database.commit()
        self.spec = spec_from_json(self._needed("model_spec"))
        self.uuid = self._needed("uuid")
        self.codec = self._needed("codec")

    def columns(self) -> Columns:
        """Return all keyframes by ascending id.

        Raises:
            MapError: What is known of one is damaged.
        """
        facts = facts_of(self._database)
        sessions, frames = self._names("sessions", "name"), self._names("frames", "name")
        cameras = self._names("cameras", "description")
        names = {number: camera_from_json(text).name for number, text in cameras.items()}
        return Columns(
            facts["id"].astype(np.int64),
            facts["stamp_ns"].astype(np.int64),
            _places(facts["session"], sessions),
            _places(facts["frame"], frames),
            _places(facts["camera"], {0: "", **names}),
            facts["pose"],
            list(sessions.values()),
            list(frames.values()),
            ["", *names.values()],
        )

    def session_names(self) -> list[str]:
        """Return the names of all drives."""
        return list(self._names("sessions", "name").values())

    def global_descriptors(self) -> Iterator[FloatArray]:
        """Yield descriptors float32 [M, D] of all keyframes by ascending id.

        Raises:
            MapError: A descriptor is missing or damaged.
        """
        return descriptors_of(self._database, self.spec.global_dim)

    def features(self, keyframe_id: int) -> Features:
        """Return what ``append`` was given, as exactly as the codec keeps it, without its points.

        Raises:
            MapError: They are missing or damaged.
        """
        rows = self._database.execute(
            "SELECT keyframe_id, codec, blob, crc FROM global_descriptors WHERE keyframe_id = ?",
            (keyframe_id,),
        )
        row = rows[0] if rows else (keyframe_id, "", None, 0)
        descriptor = decoded(row, self.spec.global_dim, self.path)
        if LOCAL not in (local := self._local_features(keyframe_id, LOCAL)):
            what = f"{self.path}: local features of keyframe {keyframe_id}"
            raise MapError(f"{what}: missing or truncated: restore a copy of the map")
        return Features(descriptor, local[LOCAL])

    def points(self, keyframe_id: int) -> LocalFeatures | None:
        """Return the points for geometry of a keyframe, None where it has none.

        Raises:
            MapError: They are damaged.
        """
        return self._local_features(keyframe_id, POINTS).get(POINTS)

    def _local_features(self, keyframe_id: int, kind: str) -> dict[str, LocalFeatures | None]:
        """The features of a kind, by its name; nothing where the keyframe has none."""
        rows = self._database.execute(
            "SELECT keyframe_id, kind, width, height, codec, blob, crc FROM local_features "
            "WHERE keyframe_id = ? AND kind = ?",
            (keyframe_id, kind),
        )
        found: dict[str, LocalFeatures | None] = {}
        what = f"{self.path}: local features of keyframe {keyframe_id}"
        for _, _, width, height, codec, blob, crc in rows:
            row = (keyframe_id, kind, width, height, codec, stands_for(blob), crc)
            try:
                if blob:
                    found[kind] = _decoded(blob, codec, (width, height))
                else:  # points that are the local features themselves
                    found[kind] = self._local_features(keyframe_id, LOCAL).get(LOCAL)
            except MapError as error:
                raise MapError(f"{what}: {error}: restore a copy of the map") from error
            checked(row, what)
        return found

    def thumbnail(self, keyframe_id: int) -> bytes:
        """Return the JPEG of a keyframe, empty where it has none.

        Raises:
            MapError: It is damaged.
        """
        query = "SELECT jpeg, crc FROM thumbnails WHERE keyframe_id = ?"
        rows = self._database.execute(query, (keyframe_id,))
        if not rows:
            return b""
        jpeg = bytes(rows[0][0])
        what = f"{self.path}: thumbnail of keyframe {keyframe_id}"
        checked((keyframe_id, zlib.crc32(jpeg), rows[0][1]), what)
        return jpeg

    def camera(self, keyframe_id: int) -> Camera | None:
        """Return the camera that took a keyframe, None where it is not known.

        Raises:
            MapError: It is damaged.
        """
        rows = self._database.execute(
            "SELECT c.id, description, c.crc FROM keyframes k JOIN cameras c ON c.id = k.camera_id "
            "WHERE k.id = ?",
            (keyframe_id,),
        )
        if not rows:
            return None
        checked(rows[0], f"{self.path}: camera of keyframe {keyframe_id}")
        return camera_from_json(rows[0][1])

    def use_codec(self, codec: str) -> None:
        """Write keyframes with this codec from now on; earlier ones keep theirs.

        Raises:
            MapError: The codec is unknown, or the disk refuses.
        """
        codec_of(codec)
        if codec != self.codec:
            self._keep("codec", codec)
            self._database.commit()
            self.codec = codec

    def calibration(self) -> CalibrationRecord | None:
        """Return what the map's scores are worth, None where that is not known.

        Raises:
            MapError: It is damaged.
        """
        text = self._meta("calibration")
        try:
            return None if text is None else calibration_from_json(text)
        except MapError as error:
            raise MapError(f"{self.path}: {error}") from error

    def keep_calibration(self, record: CalibrationRecord) -> None:
        """Write down what the map's scores are worth, durable after a commit.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        self._keep("calibration", calibration_to_json(record))

    def forget_calibration(self) -> None:
        """Drop what the map's scores are worth, for good after a commit.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        self._forget("calibration")

    def note(self, key: str) -> str | None:
        """Return what was kept under this name, None where nothing was.

        Raises:
            MapError: It is damaged.
        """
        return self._meta(f"note {key}")

    def keep_note(self, key: str, text: str) -> None:
        """Write down a text under a name, durable after a commit.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        self._keep(f"note {key}", text)

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
        pose = self._pose(row.pose)
        values = (session_id, camera_id, row.stamp_ns, *pose)
        number = insert("keyframes", None, *values, 0)
        self._seal_keyframe(number, values)
        crc = row_crc(number, "float32", stands_for(row.global_blob))
        insert("global_descriptors", number, "float32", row.global_blob, crc)
        for kind, blob in row.local_blobs.items():
            facts = (number, kind, *row.image_size, row.codec_of(kind))
            insert("local_features", *facts, blob, row_crc(*facts, stands_for(blob)))
        if row.thumbnail:
            crc = row_crc(number, zlib.crc32(row.thumbnail))
            insert("thumbnails", number, row.thumbnail, crc)
        return number

    def remove(self, ids: Iterable[int]) -> None:
        """Take keyframes out, for good after a commit.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        for number in ids:
            unpack(self._database, number)
            for table in ("thumbnails", "global_descriptors", "local_features"):
                self._database.execute(f"DELETE FROM {table} WHERE keyframe_id = ?", (number,))
            self._database.execute("DELETE FROM keyframes WHERE id = ?", (number,))

    def correct_poses(self, poses: Iterable[tuple[int, PoseColumns]]) -> None:
        """Overwrite the poses of keyframes, by their ids.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        names = ", ".join(f"{name} = ?" for name in _POSE)
        first: int | None = None
        for number, columns in poses:
            if first is None or number < first:
                first = number
                unpack(self._database, number)
            pose = self._pose(columns)
            self._database.execute(f"UPDATE keyframes SET {names} WHERE id = ?", (*pose, number))
            query = f"SELECT {', '.join(_COLUMNS)} FROM keyframes WHERE id = ?"
            ((_, *values),) = self._database.execute(query, (number,))
            self._seal_keyframe(number, tuple(values))

    def pack(self) -> None:
        """Let what was written be opened fast later on; see ``blocks.py``.

        Raises:
            MapError: The disk refuses; a rollback is then due.
        """
        pack(self._database, self.spec.global_dim)

    def _seal_keyframe(self, number: int, values: tuple[object, ...]) -> None:
        crc = row_crc(number, *values)
        self._database.execute("UPDATE keyframes SET crc = ? WHERE id = ?", (crc, number))

    def _pose(self, columns: PoseColumns) -> tuple[object, ...]:
        """Pose columns as they are written: the frame by its number."""
        *numbers, frame = columns
        return (*numbers, None if frame is None else self._id_of("frames", "name", str(frame)))

    def _needed(self, key: str) -> str:
        value = self._meta(key)
        if value is None:
            raise MapError(f"{self.path}: damaged: it does not say its {key}")
        return value

    def _meta(self, key: str) -> str | None:
        rows = self._database.execute("SELECT key, value, crc FROM meta WHERE key = ?", (key,))
        return str(checked(rows[0], f"{self.path}: its {key}")[1]) if rows else None

    def _keep(self, key: str, value: str) -> None:
        self._database.begin()
        row = (key, value, row_crc(key, value))
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", row)

    def _forget(self, key: str) -> None:
        self._database.begin()
        self._database.execute("DELETE FROM meta WHERE key = ?", (key,))

    def _names(self, table: str, column: str) -> dict[int, str]:
        rows = self._database.execute(f"SELECT id, {column}, crc FROM {table} ORDER BY id")
        for row in rows:
            checked(row, f"{self.path}: number {row[0]} of its {table}")
        return {number: name for number, name, _ in rows}

    def _id_of(self, table: str, column: str, value: str) -> int:
        # Asked every time: what a rollback took away must not be remembered.
        query = f"SELECT id FROM {table} WHERE {column} = ?"
        if rows := self._database.execute(query, (value,)):
            return int(rows[0][0])
        number = self._database.insert(table, None, value, 0)
        crc = row_crc(number, value)
        self._database.execute(f"UPDATE {table} SET crc = ? WHERE id = ?", (crc, number))
        return number


def _decoded(blob: object, codec: str, image_size: tuple[int, int]) -> LocalFeatures | None:
    if codec == points_codec.NAME:
        return points_codec.decode_points(blob, image_size)
    return decode_local(blob, codec, image_size)


def _places(numbers: Numbers, names: dict[int, str]) -> Numbers:
    """Where each number comes among those that have names; ``NO_FRAME`` for 0, if that has none."""
    known = np.array(list(names) or [0], np.int64)
    places = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    return np.where(known[places] == numbers, places if names else NO_FRAME, NO_FRAME)
