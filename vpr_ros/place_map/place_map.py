# SPDX-License-Identifier: Apache-2.0
"""The station of the line that remembers: append keyframes, search them, fetch their features."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from vpr_ros.calibration_curve import CalibrationRecord
from vpr_ros.datatypes import (
    Camera,
    Features,
    FloatArray,
    Found,
    Keyframe,
    KeyframeKey,
    KeyframeRecord,
    LocalFeatures,
    ModelSpec,
)
from vpr_ros.errors import MapError
from vpr_ros.place_map.base import ALL, Nearest, as_found, hidden_rows
from vpr_ros.place_map.catalog import Catalog
from vpr_ros.place_map.check import damages
from vpr_ros.place_map.constant_parts import Grid, from_json, to_json
from vpr_ros.place_map.corrected_poses import CorrectedPoses, differing
from vpr_ros.place_map.database import Database
from vpr_ros.place_map.feature_cache import FeatureCache
from vpr_ros.place_map.info import MapInfo, summarize_sessions
from vpr_ros.place_map.keyframe_table import NO_FRAME, Flags, KeyframeTable, Numbers
from vpr_ros.place_map.rows import check_global, checked_columns, encode_keyframe, features_of_row
from vpr_ros.place_map.store import Store

log = logging.getLogger(__name__)

_CONSTANT = "constant parts"  # the note that tells them

CACHE_BYTES = 64 * 2**20  # some 200 keyframes of 600 local descriptors [128]


class PlaceMap:
    """A map file and the index of its global descriptors.

    One thread at a time may use it, whichever thread opened it. Many programs may read a map while
    one writes to it; a reader sees what was committed when it opened the map. Closing drops
    whatever is not committed, and so does leaving a ``with`` block.
    """

    def __init__(self, database: Database, spec: ModelSpec | None) -> None:
        """Load an open map file; use ``create``, ``open`` or ``open_or_create``.

        Raises:
            MapError: The map is damaged or made with another model, or faiss is not installed.
        """
        self._database = database
        self._store = Store(database)
        with database.snapshot():
            if spec is not None:
                _refuse_other_model(self._store, spec)
            self._catalog = Catalog(
                self._store, searchable=spec is not None, growing=database.writable
            )
            self._constant = self._noted_parts()
        self._cache = FeatureCache(CACHE_BYTES)
        self._committed = self._catalog.table.snapshot()
        self._session = ""

    @classmethod
    def create(cls, path: Path, spec: ModelSpec, *, codec: str = "float16") -> PlaceMap:
        """Start a new map, open for writing.

        Args:
            path: Where; nothing may be there.
            spec: The model that makes the descriptors of this map.
            codec: How local descriptors are kept, a name in ``codec.CODECS``.

        Raises:
            MapError: Something is there already, or it cannot be written.
        """
        return cls._load(Database.create(Path(path), spec, codec), spec)

    @classmethod
    def open(cls, path: Path, spec: ModelSpec | None = None, *, writable: bool = False) -> PlaceMap:
        """Open a map.

        Args:
            path: The map file.
            spec: The model that will search it or append to it; None only looks at what it holds.
            writable: Whether to append; one program at a time may.

        Raises:
            MapError: It is no map, damaged, of a newer format, made with another model, protected,
                or another program is writing to it.
        """
        if writable and spec is None:
            raise MapError(f"{path}: appending needs the ModelSpec that makes the descriptors")
        path = Path(path)
        return cls._load(
            Database.open_to_write(path) if writable else Database.open_to_read(path), spec
        )

    @classmethod
    def open_or_create(cls, path: Path, spec: ModelSpec, *, codec: str = "float16") -> PlaceMap:
        """Continue the map at ``path``, or start it; new keyframes are kept with this codec.

        Raises:
            MapError: As ``create`` and ``open`` do.
        """
        if not os.path.exists(path):
            return cls.create(path, spec, codec=codec)
        place_map = cls.open(path, spec, writable=True)
        try:
            place_map._store.use_codec(codec)
        except MapError:
            place_map.close()
            raise
        return place_map

    @classmethod
    def _load(cls, database: Database, spec: ModelSpec | None) -> PlaceMap:
        try:
            return cls(database, spec)
        except BaseException:
            database.close()
            raise

    def __len__(self) -> int:
        return len(self._catalog)

    @property
    def path(self) -> Path:
        """The file."""
        return self._store.path

    @property
    def uuid(self) -> str:
        """What tells this map from all others, wherever its file lies."""
        return self._store.uuid

    @property
    def table(self) -> KeyframeTable:
        """All keyframes as columns; another object once keyframes are removed or moved."""
        return self._catalog.table

    @property
    def session(self) -> str:
        """Name of the drive that appended keyframes belong to; empty before there is one."""
        return self._session

    def begin_session(self, name: str = "") -> str:
        """Begin a drive, to which later keyframes belong; return its name, unique in this map.

        Args:
            name: What to call it; a number is added where the map has that name already. Empty:
                the next free ``session-N``.

        A session without keyframes is not kept.
        """
        self._refuse_reader()
        self._session = self._catalog.new_session_name(name)
        return self._session

    def append(self, keyframe: Keyframe) -> KeyframeKey:
        """Add a keyframe and return its key; it is found at once, and durable after ``commit``.

        Raises:
            MapError: It does not fit the model of this map, or the disk refuses. Where the disk
                refuses, everything since the last commit is undone, and the map stays usable.
        """
        self._refuse_reader()
        row = encode_keyframe(keyframe, self._store.spec, self._store.codec)
        session = self._session or self.begin_session()
        with self._undone_on_failure():
            key = KeyframeKey(self.uuid, self._store.append(row, session))
        camera = "" if keyframe.camera is None else keyframe.camera.name
        record = KeyframeRecord(key, session, row.stamp_ns, keyframe.pose, camera)
        self._catalog.add(record, keyframe.features.global_descriptor)
        # The next images look like it: not read again for them.
        self._cache.put(key.id, self._compared(record, features_of_row(row)))
        return key

    def leave_out(self, camera: str, grid: Grid) -> None:
        """Let what a camera sees in all images of this drive count for nothing.

        Durable after ``commit``. Local features are kept, and not returned any more.

        Args:
            camera: Its name; empty for the only one.
            grid: Where its images are always the same, of ``ConstantParts``.

        Raises:
            MapError: The map is open for reading, or the disk refuses.
        """
        self._refuse_reader()
        key, known = (self._session, camera), self._constant.get((self._session, camera))
        if not grid.any() if known is None else bool((known == grid).all()):
            return
        self._constant = {**self._constant, key: grid}
        with self._undone_on_failure():
            self._store.keep_note(_CONSTANT, to_json(self._constant))
        self._cache.clear()

    def remove(self, keys: Collection[KeyframeKey]) -> None:
        """Take keyframes out, for good after ``commit``; their ids are never used again.

        Raises:
            MapError: There is no such keyframe, or the disk refuses.
        """
        self._refuse_reader()
        rows = np.array([self._catalog.row_of(key) for key in keys], np.int64)
        with self._undone_on_failure():
            self._store.remove([key.id for key in keys])
        self._catalog.remove(rows)
        self._cache.clear()

    def correct_poses(self, corrected: CorrectedPoses) -> int:
        """Replace the poses of keyframes where they differ, and commit.

        What scores are worth is forgotten then: other keyframes are one place now.

        Args:
            corrected: The new poses. What differs by less than a micrometer and a microradian
                from the old one is the same pose.

        Returns:
            How many differed.

        Raises:
            MapError: A pose is not finite, or the disk refuses. Where the disk refuses, the poses
                stay what they were.
        """
        self._refuse_reader()
        changed = corrected.taken(differing(self.table, corrected))
        if not len(changed.rows):
            return 0
        values = zip(changed.poses.tolist(), changed.frames, strict=True)
        columns = [checked_columns((*numbers, frame)) for numbers, frame in values]
        self.commit()
        with self._undone_on_failure():
            ids = self.table.ids[changed.rows].tolist()
            self._store.correct_poses(zip(ids, columns, strict=True))
            self._store.forget_calibration()
            self._store.pack()
            self._database.commit()
        self._catalog.move(changed)
        self._committed = self.table.snapshot()
        return len(changed.rows)

    def commit(self) -> None:
        """Make everything appended durable, even if the power fails right after.

        Raises:
            MapError: The disk refuses; everything since the last commit is undone.
        """
        with self._undone_on_failure():
            self._store.pack()
            self._database.commit()
        self._committed = self.table.snapshot()

    def search(
        self, descriptor: FloatArray, k: int, exclude: Collection[KeyframeKey] = ()
    ) -> Found:
        """Return the k keyframes with the largest inner product, best first, equal ones by id.

        Args:
            descriptor: Global descriptor of the query, float32 [D].
            k: How many; fewer are returned where the map holds fewer.
            exclude: Keyframes that must not be returned; unknown ones do no harm.

        Raises:
            MapError: The descriptor does not fit, or the map was opened only to look.
        """
        nearest = self.nearest(descriptor, k, hidden_rows(self.table, exclude))
        return as_found(self.table, nearest)

    def nearest(self, descriptor: FloatArray, k: int, hidden: Flags | None = None) -> Nearest:
        """As ``search``, in rows of ``table``; those that are hidden, [K], are not returned.

        Raises:
            MapError: As ``search`` does.
        """
        index = self._catalog.index
        check_global(descriptor, self._store.spec)
        return Nearest(*index.search(descriptor, k, hidden))

    def similarities(self, descriptors: FloatArray, rows: Numbers | slice = ALL) -> FloatArray:
        """Return the inner products with all K keyframes in the order of ``table``, float32 [K].

        Args:
            descriptors: Global descriptors, float32 [D], or [M, D] for products [M, K].
            rows: Of ``table``, if not all are wanted; others cost nothing.

        Raises:
            MapError: A descriptor does not fit, or the map was opened only to look.
        """
        for descriptor in np.atleast_2d(descriptors):
            check_global(descriptor, self._store.spec)
        if isinstance(rows, slice) and rows == ALL:
            return self._catalog.index.similarities(descriptors)
        return np.asarray(descriptors @ self._catalog.index.exact(rows).T)

    def features_of(self, keys: Sequence[KeyframeKey]) -> list[Features]:
        """Return the features of these keyframes, in this order; their arrays are read-only.

        Points for geometry are not among them: comparing looks takes none.

        Raises:
            MapError: There is no such keyframe, or it is damaged.
        """
        return [self._cache.fetch(self._id(key), self._features) for key in keys]

    def points_of(self, key: KeyframeKey) -> LocalFeatures | None:
        """Return the points for geometry of a keyframe, None where it has none.

        They are read anew every time: who computes with them keeps what comes of it.

        Raises:
            MapError: There is no such keyframe, or it is damaged.
        """
        points, grid = self._store.points(self._id(key)), self._grid(key.id)
        return points if points is None or grid is None else points.outside(grid)

    def record(self, key: KeyframeKey) -> KeyframeRecord:
        """Return what is known of a keyframe.

        Raises:
            MapError: There is no such keyframe.
        """
        return self.table.record(self._catalog.row_of(key))

    def thumbnail(self, key: KeyframeKey) -> bytes:
        """Return the JPEG of a keyframe, empty where it has none.

        Raises:
            MapError: There is no such keyframe.
        """
        return self._store.thumbnail(self._id(key))

    def camera_of(self, key: KeyframeKey) -> Camera | None:
        """Return the camera that took a keyframe, None where it is not known.

        Raises:
            MapError: There is no such keyframe.
        """
        return self._store.camera(self._id(key))

    def calibration(self) -> CalibrationRecord | None:
        """Return what rerank scores are worth in this map, None where that is not known.

        Raises:
            MapError: It is damaged.
        """
        return self._store.calibration()

    def keep_calibration(self, record: CalibrationRecord) -> None:
        """Keep what rerank scores are worth in this map, in place of what was kept, and commit.

        Raises:
            MapError: The map is open for reading, or the disk refuses.
        """
        self._refuse_reader()
        with self._undone_on_failure():
            self._store.keep_calibration(record)
        self.commit()

    def note(self, key: str) -> str | None:
        """Return what was kept under this name, None where nothing was.

        Raises:
            MapError: It is damaged.
        """
        return self._store.note(key)

    def keep_note(self, key: str, text: str) -> None:
        """Keep a text under a name, in place of what was kept there, and commit.

        Raises:
            MapError: The map is open for reading, or the disk refuses.
        """
        self._refuse_reader()
        with self._undone_on_failure():
            self._store.keep_note(key, text)
        self.commit()

    def descriptors(self, rows: Numbers | slice = ALL) -> FloatArray:
        """Return the global descriptors of some rows of ``table``, float32 [M, D].

        Raises:
            MapError: The map was opened only to look.
        """
        return self._catalog.index.exact(rows)

    def path_of(self, key: KeyframeKey) -> Path:
        """Return this map's file, as ``MapSet`` tells of several."""
        return self.path

    def info(self) -> MapInfo:
        """Return what the map holds, in numbers, with what is not committed yet."""
        return MapInfo(
            path=self._store.path,
            uuid=self.uuid,
            spec=self._store.spec,
            space=self._store.spec.space,
            made_by=self._store.spec.made_by,
            codec=self._store.codec,
            sessions=summarize_sessions(self.table),
            keyframes=len(self),
            keyframes_with_pose=int((self.table.frames != NO_FRAME).sum()),
            size_bytes=self._database.size_bytes,
            calibration=self.calibration(),
        )

    def damages(self) -> list[str]:
        """Read everything that the file holds, and return what is damaged, in words."""
        return list(damages(self._database))

    def save_copy(self, path: Path) -> None:
        """Write the map to another file, without gaps; a writer commits first.

        A copy is the same map for as long as it is only read: its ``uuid`` and the keys of its
        keyframes are those of the original, so that robots that share copies mean the same places
        by the same keys. Who opens it to write makes it a map of its own, with another ``uuid``:
        what two robots add to two copies gets the same ids, and must not get the same keys. A file
        that is copied by other means does not know that it is a copy: append to one of the two.

        Args:
            path: Where; nothing may be there, and it is there complete or not at all.

        Raises:
            MapError: Something is there already, or it cannot be written.
        """
        self.commit()
        self._database.copy_to(Path(path))

    def close(self) -> None:
        """Close the file and drop whatever is not committed; safe to call twice."""
        self._database.close()

    def __enter__(self) -> PlaceMap:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _noted_parts(self) -> dict[tuple[str, str], Grid]:
        """What counts for nothing, by drive and camera, as far as the file knows it."""
        return from_json(self._store.note(_CONSTANT) or "[]")

    def _features(self, number: int) -> Features:
        features = self._store.features(number)
        if not self._constant:
            return features
        return self._compared(self.record(KeyframeKey(self.uuid, number)), features)

    def _compared(self, record: KeyframeRecord, features: Features) -> Features:
        """Without what a keyframe's camera sees in all images of its drive."""
        grid = self._constant.get((record.session, record.camera))
        return features if grid is None else features.outside(grid)

    def _grid(self, number: int) -> Grid | None:
        """What counts for nothing in a keyframe's image, None where everything counts."""
        if not self._constant:
            return None
        record = self.record(KeyframeKey(self.uuid, number))
        return self._constant.get((record.session, record.camera))

    def _id(self, key: KeyframeKey) -> int:
        self._catalog.row_of(key)  # refuses unknown ones
        return key.id

    def _refuse_reader(self) -> None:
        if not self._database.writable:
            raise MapError(f"{self._store.path}: opened for reading: open it writable to append")

    @contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        try:
            yield
        except MapError as error:
            # Memory must not know keyframes that the file has lost.
            lost = len(self._catalog) - len(self._committed)
            self._database.rollback()
            self._catalog.restore(self._committed.snapshot())
            self._constant = self._noted_parts()
            self._cache.clear()
            raise MapError(f"{error}; undone since the last commit: {lost} keyframes") from error


def _refuse_other_model(store: Store, spec: ModelSpec) -> None:
    if store.spec.space != spec.space:
        raise MapError(
            f"{store.path}: made with {store.spec.method} ({store.spec.space}), not with "
            f"{spec.method} ({spec.space}): use that model, or build another map"
        )
    if not store.spec.is_made_as(spec):
        log.info(
            "%s: its descriptors were made by %s, those compared with them are by %s",
            store.path,
            store.spec.made_by,
            spec.made_by,
        )
