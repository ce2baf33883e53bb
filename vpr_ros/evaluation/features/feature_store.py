# SPDX-License-Identifier: Apache-2.0
"""Features of a list of images, kept on disk: no image is described twice by the same model.

One SQLite file holds what one model says of one list, a row for each image, which is there for good
once the image is done: a process that was killed at any moment is continued by the next one. Blobs
carry checksums as in maps, and are read one image at a time: sets may be larger than the memory.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from vpr_ros.datatypes import Features, FloatArray
from vpr_ros.drives.flaws import OnError, located, log_error
from vpr_ros.errors import DatasetError, ImageError, MapError, VprError
from vpr_ros.evaluation.features.feature_identity import identity_of
from vpr_ros.evaluation.retrieval_set import ImageSource
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.place_map.codec import decode_global, decode_local, encode_global, encode_local

_TABLE = """
CREATE TABLE IF NOT EXISTS images (
    number INTEGER PRIMARY KEY,
    seconds REAL,  -- that describing it took
    error TEXT,  -- why it cannot be described; the columns below are empty then
    width INTEGER,
    height INTEGER,
    descriptor BLOB,
    local BLOB
)
"""

_INSERT = "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?)"

_LOGGER = logging.getLogger(__name__)


def default_cache() -> Path:
    """Where features are kept unless told: the XDG cache folder's part for this program."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "vpr_ros" / "features"


def path_of(cache: Path, source: ImageSource, extractor: FeatureExtractor, codec: str) -> Path:
    """Where the features of a list of images are kept: elsewhere if anything about them changes."""
    return cache / extractor.spec.space / f"{identity_of(source, extractor, codec)}.sqlite"


class FeatureStore:
    """The features of one list of images by one model, to be used in a ``with`` block.

    Attributes:
        usable: which images could be described, [N].
        seconds: what describing each image took when it was done, [N]; 0 for others.
        resumed: how many images were done before this store was opened.
    """

    def __init__(
        self, cache: Path, source: ImageSource, extractor: FeatureExtractor, codec: str = "float16"
    ) -> None:
        """Open what the cache holds of the images, which may be nothing.

        Whoever describes the same images, here or in another process, is waited for. The codec is
        one of ``place_map.codec.CODECS``.

        Raises:
            DatasetError: there are no images, or the cache cannot be written or is damaged.
        """
        if not len(source.names):
            raise DatasetError("there are no images to describe")
        self._source, self._extractor, self._codec = source, extractor, codec
        self.usable = np.zeros(len(self), np.bool_)
        self.seconds = np.zeros(len(self))
        self._path = path_of(cache, source, extractor, codec)
        with ExitStack() as opened, self._translated():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = opened.enter_context(_locked(self._path.with_suffix(".lock")))
            # No transactions: each row is committed on its own.
            connection = sqlite3.connect(self._path, isolation_level=None)
            self._database = opened.enter_context(closing(connection))
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(_TABLE)
            rows = self._query("SELECT number, seconds, error IS NULL FROM images")
            for number, seconds, is_usable in rows:
                self.seconds[number], self.usable[number] = seconds, is_usable
            self._files = opened.pop_all()
        self.resumed = len(rows)

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def __len__(self) -> int:
        return len(self._source.names)

    def fill(self, step: Callable[[], None], on_error: OnError = log_error) -> None:
        """Describe the images that are not described yet, in order.

        Args:
            step: called after each.
            on_error: told of images that cannot be read or described; they are remembered.

        Raises:
            BackendError: the device failed.
            DatasetError: the disk is full.
        """
        done = dict(self._query("SELECT number, error FROM images ORDER BY number"))
        for error in filter(None, done.values()):
            on_error(ImageError(error))
        for number in range(len(self)):
            if number not in done:
                self._describe(number, on_error)
                step()
        self._lock.close()  # nothing more to wait for

    @property
    def place_bytes(self) -> float:
        """Mean size of an image's features in a map: both kinds."""
        ((mean,),) = self._query("SELECT avg(length(local)) FROM images WHERE error IS NULL")
        return float(mean) + 4 * self._extractor.spec.global_dim if mean else 0.0

    def rows(self, start: int, stop: int) -> FloatArray:
        """Global descriptors of some images, float32 [stop - start, D]; 0 for broken ones."""
        found = np.zeros((stop - start, self._extractor.spec.global_dim), np.float32)
        usable = "number >= ? AND number < ? AND error IS NULL"
        query = f"SELECT number, descriptor FROM images WHERE {usable}"
        for number, blob in self._query(query, start, stop):
            try:
                found[number - start] = decode_global(blob)
            except MapError:
                found[number - start] = self.features(number).global_descriptor
        return found

    def features(self, number: int) -> Features:
        """Everything that is kept of an image; local features as the codec rounds them.

        Features that were damaged on the disk are made again.

        Raises:
            ImageError: they have to be, and the image cannot be read.
        """
        try:
            return self._read(number)
        except MapError as error:
            name = self._source.names[number]
            _LOGGER.warning("%s: features of %s: %s: made again", self._path, name, error)
            self._describe(number, _raised)
            return self._read(number)

    def _read(self, number: int) -> Features:
        query = "SELECT descriptor, local, width, height FROM images WHERE number = ?"
        ((descriptor, local, *size),) = self._query(query, number)
        return Features(decode_global(descriptor), decode_local(local, self._codec, tuple(size)))

    def _describe(self, number: int, on_error: OnError) -> None:
        name = self._source.names[number]
        try:
            image = self._source.read(number)
            started = time.monotonic()
            features = self._extractor.extract(image)
            seconds = time.monotonic() - started
        except ImageError as error:
            told = error if name in str(error) else located(error, name)
            self._query(_INSERT, number, 0.0, str(told), None, None, None, None)
            on_error(told)
            return
        blobs = encode_global(features.global_descriptor), encode_local(features.local, self._codec)
        self._query(_INSERT, number, seconds, None, *features.image_size, *blobs)
        self.usable[number], self.seconds[number] = True, seconds

    def _query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._translated():
            return self._database.execute(text, values).fetchall()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the disk and SQLite say into a DatasetError that names the remedy."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise DatasetError(
                f"{self._path}: features cannot be kept here: {reason}: make room, delete the file "
                "if it is damaged, or name another folder with --cache"
            ) from error


def _locked(path: Path) -> TextIO:
    """Wait until nobody else describes; the kernel lets go of the file for processes that die."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _LOGGER.info("%s: waiting for another program that uses these features", path)
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _raised(error: VprError) -> None:
    raise error
