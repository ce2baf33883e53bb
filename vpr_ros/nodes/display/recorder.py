# SPDX-License-Identifier: Apache-2.0
"""Keeps answered images on request, or because they were not accepted, and survives a full disk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensor_msgs.msg import CompressedImage

from vpr_ros.config import RecordsConfig
from vpr_ros.datatypes import Verdict
from vpr_ros.errors import ImageError
from vpr_ros.images import encode_png, suffix_of
from vpr_ros.nodes.display.answered import Answered
from vpr_ros.records.as_json import PathOf, as_json
from vpr_ros.records.folder import EncodedImage, RecordFolder

_log = logging.getLogger(__name__)


class Recorder:
    """Used by one thread at a time."""

    def __init__(self, config: RecordsConfig, about: Mapping[str, Any], path_of: PathOf) -> None:
        """Nothing is touched before the first record.

        Args:
            config: when, where and how many.
            about: what else a record should say: the map, the model.
            path_of: tells where keyframes are kept, among several maps.
        """
        self._config = config
        self._about = about
        self._path_of = path_of
        path = Path(config.folder).expanduser()
        self._folder = RecordFolder(path, config.max_count, int(1e6 * config.max_megabytes))
        self._saved = self._failed = 0
        self._last_error = ""
        self._last_attempt: float | None = None  # seconds, monotonic clock

    def is_due(self, answered: Answered, now: float) -> bool:
        """Whether an answer is to be kept that nobody asked for; ``now`` in monotonic seconds."""
        accepted = answered.recognition.verdict is Verdict.ACCEPTED
        if self._config.on == "request" or accepted:
            return False
        last = self._last_attempt
        return last is None or now - last >= self._config.period

    def save(self, answered: Answered, cause: str, now: float) -> Path:
        """Keep an answer; ``cause`` says why.

        Raises:
            OSError: the disk is full, or the folder cannot be written; this is counted.
            ImageError: the image cannot be encoded.
        """
        self._last_attempt = now
        answer = as_json("", answered.recognition, self._path_of)
        answer["frame_id"] = answered.message.header.frame_id
        try:
            path = self._folder.save(
                answered.recognition.stamp_ns,
                encoded(answered),
                {**answer, **self._about, "saved_because": cause},
            )
        except (OSError, ImageError) as error:
            self._fail(str(error))
            raise
        self._saved, self._last_error = self._saved + 1, ""
        return path

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        if not self._saved and not self._failed:
            return {}
        return {
            "records saved": str(self._saved),
            "records failed": str(self._failed),
            "last record error": self._last_error,
        }

    def _fail(self, error: str) -> None:
        """Count, and say it once until a record can be written again: a full disk stays full."""
        if not self._last_error:
            _log.warning("no record in %s: %s", self._folder.path, error)
        self._failed, self._last_error = self._failed + 1, error


def encoded(answered: Answered) -> EncodedImage:
    """The image as it came if it is a file, or else as PNG: answering it again gives the same.

    Raises:
        ImageError: it cannot be encoded.
    """
    if isinstance(answered.message, CompressedImage):
        data = bytes(answered.message.data)
        if suffix := suffix_of(data):
            return EncodedImage(data, suffix)
    return EncodedImage(encode_png(answered.image), ".png")
