# SPDX-License-Identifier: Apache-2.0
"""What one map file and a set of them have in common: what is asked of a map."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

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
)
from vpr_ros.place_map.keyframe_table import Flags, KeyframeTable, Numbers

ALL = slice(None)  # rows


class Nearest(NamedTuple):
    """The rows that look most like an image, best first, equal ones by their order."""

    rows: Numbers  # [k]
    similarities: FloatArray  # [k] inner products


class Map(Protocol):
    """Keyframes that can be searched; K is their number, D the size of a global descriptor.

    One thread at a time may use it. Everything raises ``MapError`` where a file cannot be read or
    a descriptor does not fit.
    """

    @property
    def uuid(self) -> str:
        """What tells the map that may grow from all others."""
        ...

    @property
    def table(self) -> KeyframeTable:
        """All keyframes as columns; another object once keyframes are removed or moved."""
        ...

    def __len__(self) -> int:
        """K; it may change from one call to the next."""
        ...

    def search(
        self, descriptor: FloatArray, k: int, exclude: Collection[KeyframeKey] = ()
    ) -> Found:
        """The k keyframes with the largest inner product, best first.

        Args:
            descriptor: of the query, float32 [D].
            k: how many; fewer are returned where fewer are there.
            exclude: keyframes that must not be returned; unknown ones do no harm.
        """
        ...

    def nearest(self, descriptor: FloatArray, k: int, hidden: Flags | None = None) -> Nearest:
        """As ``search``, in rows of ``table``; those that are hidden, [K], are not returned."""
        ...

    def similarities(self, descriptors: FloatArray, rows: Numbers | slice = ALL) -> FloatArray:
        """Inner products with keyframes in the order of ``table``, float32 [K].

        Args:
            descriptors: float32 [D], or [M, D] for products [M, K].
            rows: of ``table``; others cost nothing.
        """
        ...

    def descriptors(self, rows: Numbers | slice = ALL) -> FloatArray:
        """The global descriptors of some rows of ``table``, float32 [M, D]."""
        ...

    def features_of(self, keys: Sequence[KeyframeKey]) -> list[Features]:
        """The features of these keyframes, in this order, without points; arrays are read-only."""
        ...

    def points_of(self, key: KeyframeKey) -> LocalFeatures | None:
        """The points for geometry of a keyframe, None where it has none; read anew every time."""
        ...

    def record(self, key: KeyframeKey) -> KeyframeRecord:
        """What is known of a keyframe besides its features."""
        ...

    def thumbnail(self, key: KeyframeKey) -> bytes:
        """The JPEG of a keyframe, empty where it has none."""
        ...

    def camera_of(self, key: KeyframeKey) -> Camera | None:
        """The camera that took a keyframe, None where it is not known."""
        ...

    def path_of(self, key: KeyframeKey) -> Path:
        """The file of a keyframe's map."""
        ...

    def calibration(self) -> CalibrationRecord | None:
        """What rerank scores are worth here, None where that is not known."""
        ...

    def note(self, key: str) -> str | None:
        """What somebody kept in the map under this name, None where nobody did."""
        ...

    def append(self, keyframe: Keyframe) -> KeyframeKey:
        """Add a keyframe; it is found at once, and durable after ``commit``."""
        ...

    def remove(self, keys: Collection[KeyframeKey]) -> None:
        """Take keyframes out, for good after ``commit``; their ids are never used again."""
        ...

    def commit(self) -> None:
        """Make everything that was changed durable."""
        ...

    def close(self) -> None:
        """Close the files; safe to call twice."""
        ...


def hidden_rows(table: KeyframeTable, exclude: Collection[KeyframeKey]) -> Flags | None:
    """Flags of the keyframes that must not be returned, [K]; None where all may be."""
    rows = table.rows_of(exclude)
    if not len(rows):
        return None
    hidden = np.zeros(len(table), np.bool_)
    hidden[rows] = True
    return hidden


def as_found(table: KeyframeTable, nearest: Nearest) -> Found:
    """The records of what was found."""
    records = tuple(table.records(nearest.rows.tolist()))
    return Found(records, tuple(nearest.similarities.tolist()))
