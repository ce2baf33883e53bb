# SPDX-License-Identifier: Apache-2.0
"""Images of a data set as files, read one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from vpr_ros.datatypes import ImageArray
from vpr_ros.drives.image_folder import is_image
from vpr_ros.errors import DatasetError
from vpr_ros.images import read_image


class ImageFiles:
    """Files below one folder, named by their paths in it."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        """Look whether all are there; none is read yet.

        Args:
            root: the folder.
            names: paths below it, with ``/``.

        Raises:
            DatasetError: one is named twice, or some are missing; the message names the first.
        """
        self.root = root
        self._names = list(names)
        if len(set(self._names)) < len(self._names):
            twice = next(name for name in self._names if self._names.count(name) > 1)
            raise DatasetError(f"{root / twice}: listed twice: leave one of the entries out")
        missing = _missing(root, self._names)
        if missing:
            raise DatasetError(
                f"{root / missing[0]}: missing, and {len(missing) - 1} more of {len(self._names)} "
                "images: unpack the whole data set here"
            )

    @property
    def names(self) -> Sequence[str]:
        """Paths below the folder."""
        return self._names

    def path(self, index: int) -> Path:
        """The file of one image."""
        return self.root / self._names[index]

    def read(self, index: int) -> ImageArray:
        """One image, RGB, uint8 [H, W, 3].

        Raises:
            ImageError: it is missing or damaged.
        """
        return read_image(self.path(index))


def images_below(folder: Path) -> list[str]:
    """Paths of all images below a folder, in the order of their text, as the authors' codes sort.

    Raises:
        DatasetError: there is no such folder, or no image below it.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: there is no such folder")
    found = (path for path in folder.rglob("*") if is_image(path))
    names = sorted(path.relative_to(folder).as_posix() for path in found)
    if not names:
        raise DatasetError(f"{folder}: no images below this folder")
    return names


def _missing(root: Path, names: Iterable[str]) -> list[str]:
    """The names of which there is no file.

    One listing of each folder: asking for a million files one by one takes minutes on a network
    disk.
    """
    listings: dict[str, set[str]] = {}
    missing = []
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder not in listings:
            path = root / folder
            listings[folder] = {each.name for each in path.iterdir()} if path.is_dir() else set()
        if file not in listings[folder]:
            missing.append(name)
    return missing
