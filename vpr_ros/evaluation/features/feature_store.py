# SPDX-License-Identifier: Apache-2.0
"""Features of a list of images, kept on disk: no image is described twice by the same model.

Global descriptors are mapped into memory, local features are read one image at a time: sets may
be larger than the memory. A process that was killed at any moment is continued by the next one.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

import numpy as np
from numpy.typing import NDArray

from vpr_ros.atomic_file import write_files
from vpr_ros.datatypes import Features, FloatArray, LocalFeatures
from vpr_ros.drives.flaws import OnError, located, log_error
from vpr_ros.errors import DatasetError, ImageError, MapError
from vpr_ros.evaluation.features.feature_files import FeatureFiles
from vpr_ros.evaluation.features.feature_identity import about, digest
from vpr_ros.evaluation.retrieval_set import ImageSource
from vpr_ros.extractors.base import FeatureExtractor
from vpr_ros.place_map.codec import decode_local, encode_local

ABOUT = "about.json"

_NO_SETTINGS: Mapping[str, object] = MappingProxyType({})

_LOGGER = logging.getLogger(__name__)

Step = Callable[[], None]


def default_cache() -> Path:
    """Where features are kept unless told: the XDG cache folder's part for this program."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "vpr_ros" / "features"


def folder_of(
    cache: Path,
    source: ImageSource,
    extractor: FeatureExtractor,
    codec: str,
) -> Path:
    """Where the features of a list of images are kept: another one if anything about them changes.

    Args:
        cache: folder of all stores.
        source: the images.
        extractor: what describes them.
        codec: how local descriptors are kept.
    """
    known = about(source, extractor, codec)
    return cache / extractor.spec.space / digest(known)


class FeatureStore:
    """The features of one list of images by one model, to be closed or used in a ``with`` block.

    Attributes:
        resumed: how many images were described before this store was opened.
    """

    def __init__(
        self,
        cache: Path,
        source: ImageSource,
        extractor: FeatureExtractor,
        codec: str = "float16",
    ) -> None:
        """Open what the cache holds of the images, which may be nothing.

        Args:
            cache: folder of all stores.
            source: the images.
            extractor: what describes them.
            codec: how local descriptors are kept, a name in ``place_map.codec.CODECS``.

        Raises:
            DatasetError: there are no images, or the cache cannot be written.
        """
        if not len(source.names):
            raise DatasetError("there are no images to describe")
        self._source, self._extractor, self._codec = source, extractor, codec
        known = about(source, extractor, codec)
        self.folder = cache / extractor.spec.space / digest(known)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            dim = extractor.spec.global_dim
            self._files = FeatureFiles(self.folder, len(source.names), dim)
            self._claim(known)
        except OSError as error:
            raise DatasetError(
                f"{self.folder}: features cannot be kept here: {error.strerror}: name another "
                "folder with --cache"
            ) from error
        self.resumed = self._files.done

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._files.count

    def close(self) -> None:
        """Close the files; safe to call twice."""
        self._files.close()

    def fill(self, step: Step, on_error: OnError = log_error) -> None:
        """Describe the images that are not described yet, in order.

        Args:
            step: called after each.
            on_error: told of images that cannot be read or described; they are remembered.

        Raises:
            BackendError: the device failed.
            OSError: the disk is full.
        """
        for number in range(self._files.done):
            if self._files.records[number].broken:
                on_error(ImageError(self._files.blob(number).decode(errors="replace")))
        for number in range(self._files.done, len(self)):
            self._describe(number, on_error)
            step()
        self._files.unlock()

    @property
    def descriptors(self) -> FloatArray:
        """Global descriptors, float32 [N, D], mapped from the disk; of broken images all 0."""
        return self._files.descriptors

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which images could be described, [N]."""
        return np.array([not each.broken for each in self._files.records], np.bool_)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """What describing each image took when it was done, [N]; 0 for broken ones."""
        return np.array([each.seconds for each in self._files.records])

    @property
    def place_bytes(self) -> float:
        """Mean size of an image's features in a map: both kinds."""
        sizes = [each.length for each in self._files.records if not each.broken]
        return float(np.mean(sizes)) + 4 * self.descriptors.shape[1] if sizes else 0.0

    def rows(self, start: int, stop: int) -> FloatArray:
        """Global descriptors of some images, float32 [stop - start, D], as a copy."""
        return self._files.rows(start, stop)

    def features(self, number: int) -> Features:
        """Everything that is kept of an image; local features as the codec rounds them.

        Features that were damaged on the disk are made again.

        Raises:
            ImageError: they have to be, and the image cannot be read.
        """
        return Features(np.asarray(self.descriptors[number]), self._local(number))

    def _local(self, number: int) -> LocalFeatures | None:
        record = self._files.records[number]
        size = (record.width, record.height)
        try:
            return decode_local(self._files.blob(number), self._codec, size)
        except MapError as error:
            name = self._source.names[number]
            _LOGGER.warning("%s: features of %s: %s: made again", self.folder, name, error)
            features = self._extractor.extract(self._source.read(number))
            blob = encode_local(features.local, self._codec)
            self._files.replace_blob(number, blob)
            return decode_local(blob, self._codec, size)

    def _describe(self, number: int, on_error: OnError) -> None:
        name = self._source.names[number]
        try:
            image = self._source.read(number)
            started = time.monotonic()
            features = self._extractor.extract(image)
            seconds = time.monotonic() - started
        except ImageError as error:
            told = error if name in str(error) else located(error, name)
            self._files.append_broken(str(told))
            on_error(told)
            return
        blob = encode_local(features.local, self._codec)
        descriptor = np.asarray(features.global_descriptor)
        self._files.append(descriptor, blob, features.image_size, seconds)

    def _claim(self, known: dict[str, object]) -> None:
        """Make sure that the files are what they should be, and start anew where they are not."""
        path = self.folder / ABOUT
        lost = self._files.claimed - self._files.done
        if lost:
            _LOGGER.warning("%s: %d damaged features are made again", self.folder, lost)
        if self._files.claimed and _read(path) != known:
            _LOGGER.warning("%s: damaged: all features are made again", path)
            self._files.clear()
        if not self._files.done:
            write_files({path: json.dumps(known, indent=1).encode()})


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
