# SPDX-License-Identifier: Apache-2.0
"""A folder of photos without any place labels, and what their names tell of drives among them."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vpr_ros.datatypes import ImageArray
from vpr_ros.drives.image_files import ImageFiles, images_below
from vpr_ros.errors import DatasetError
from vpr_ros.images import shrink

MANIFEST = "manifest.csv"
_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)[^0-9]*")


class Moment(NamedTuple):
    """Which frame of which drive a photo is."""

    drive: str  # empty for a photo that belongs to none
    number: float  # of the frame, in steps from one to the next; one number, one position


class Photos:
    """Photos in memory, no larger than training needs them."""

    def __init__(self, files: ImageFiles, moments: Sequence[Moment], max_side: int) -> None:
        """Nothing is read yet: each photo is when it is needed first."""
        self.names = list(files.names)
        self.moments = tuple(moments)
        self._files = files
        self._max_side = max_side
        self._cache: dict[int, ImageArray] = {}
        names = [m.drive or name for m, name in zip(self.moments, self.names, strict=True)]
        self.drives = np.unique(names, return_inverse=True)[1]  # [N] number of each photo's drive
        self._numbers: dict[str, list[int]] = {}
        for index, moment in enumerate(self.moments):
            if moment.drive:
                self._numbers.setdefault(moment.drive, []).append(index)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> ImageArray:
        """One photo, RGB, uint8 [H, W, 3]; do not write to it.

        Raises:
            ImageError: it is missing or damaged.
        """
        if index not in self._cache:
            self._cache[index] = shrink(self._files.read(index), self._max_side)
        return self._cache[index]

    def near(self, index: int, reach: float) -> list[int]:
        """The other photos of a photo's drive at most so many frames before or after it."""
        moment = self.moments[index]
        drive = self._numbers.get(moment.drive, [])
        numbers = [(each, self.moments[each].number - moment.number) for each in drive]
        return [each for each, away in numbers if each != index and abs(away) <= reach]

    def is_same_position(self, index: int, other: int) -> bool:
        """Whether two photos were taken from one position: one photo, or one number of a drive."""
        here, there = self.moments[index], self.moments[other]
        return index == other or (bool(here.drive) and here == there)

    def related(self, indices: Sequence[int], reach: float) -> np.ndarray:
        """Which photos may show one place, bool [B, B]: frames of a drive that are so close."""
        drives = np.array([self.moments[each].drive for each in indices])
        numbers = np.array([self.moments[each].number for each in indices])
        close = np.abs(numbers[:, None] - numbers) <= reach
        return np.asarray((drives[:, None] == drives) & (drives != "") & close, np.bool_)


def read_photos(
    folder: Path, drives: Mapping[str, float], validation: Sequence[str], max_side: int
) -> tuple[Photos, Photos]:
    """The photos below a folder, to train with and to validate by.

    If there is a ``manifest.csv``, the photos are those of its column ``image``, otherwise all
    below the folder.

    Args:
        folder: where they are.
        drives: pattern of names (``ie_tower/*``) -> by how much the last number in the name grows
            from one frame to the next. What stands before that number is the drive's name. Frames
            of one number are taken from one position, at different times.
        validation: patterns of the names that are only for validation.
        max_side: photos are shrunk to this, pixels.

    Raises:
        DatasetError: there are no photos, some are missing, or a pattern fits none.
    """
    names = _listed(folder)
    held = {name for name in names for pattern in validation if fnmatch(name, pattern)}
    for pattern in (*validation, *drives):
        if not any(fnmatch(name, pattern) for name in names):
            raise DatasetError(f"{folder}: no photo is called {pattern!r}: correct the recipe")
    parts = [[name for name in names if name not in held], sorted(held)]
    if not parts[0]:
        raise DatasetError(f"{folder}: all {len(names)} photos are held out for validation")
    train, validate = (
        Photos(ImageFiles(folder, part), [_moment(name, drives) for name in part], max_side)
        for part in parts
    )
    return train, validate


def _listed(folder: Path) -> list[str]:
    """Names of photos below a folder."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return images_below(folder)
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "image" not in (reader.fieldnames or ()):
                raise DatasetError(f"{manifest}: no column image")
            names = [str(row["image"]) for row in reader if row["image"]]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DatasetError(f"{manifest}: {error}") from error
    if not names:
        raise DatasetError(f"{manifest}: lists no photos")
    return names


def _moment(name: str, drives: Mapping[str, float]) -> Moment:
    for pattern, step in drives.items():
        match = _LAST_NUMBER.fullmatch(name)
        if fnmatch(name, pattern) and match:
            return Moment(match[1], int(match[2]) / step)
    return Moment("", 0.0)
