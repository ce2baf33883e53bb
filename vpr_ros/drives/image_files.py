# SPDX-License-Identifier: Apache-2.0
"""Images as files: a folder as a drive, or those that a data set names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vpr_ros.datatypes import Frame, ImageArray, Pose
from vpr_ros.drives.flaws import OnError, log_error
from vpr_ros.errors import DatasetError, VprError
from vpr_ros.geometry.poses import checked_pose
from vpr_ros.images import IMAGE_SUFFIXES, read_image

DEFAULT_RATE = 5.0  # images per second where their names do not tell
POSES_FILE = "poses.csv"
POSE_COLUMNS = ("x", "y", "z", "qx", "qy", "qz", "qw")
POSE_FRAME = "map"

# Nanoseconds since 1970 have 19 digits from 2001 on. Shorter numbers count images.
_STAMP_NAME = re.compile(r"[0-9]{19}")


class ImageFolder:
    """A folder of images, or one image file.

    Order: by name, numbers by their value (``frame2`` before ``frame10``). Stamps: the names, if
    all of them are integers of nanoseconds (19 digits); otherwise the position in that order,
    at a given rate from zero. Poses: from ``poses.csv`` beside the images, if it is there, with
    the columns image (file name), x, y, z (meters) and qx, qy, qz, qw.
    """

    def __init__(self, path: Path, rate: float = DEFAULT_RATE) -> None:
        """Look what is there; no image is read yet.

        Args:
            path: the folder or the image.
            rate: images per second where their names are no stamps.

        Raises:
            DatasetError: there are no images, or ``poses.csv`` does not hold poses.
        """
        if not rate > 0.0:
            raise DatasetError(f"rate = {rate}: must be more than 0 images per second")
        self.paths = _image_paths(Path(path))
        self.stamps_ns = _stamps(self.paths, rate)
        poses_path = self.paths[0].with_name(POSES_FILE)
        self._poses = _read_poses(poses_path) if poses_path.exists() else {}

    def has_poses(self) -> bool:
        """Whether poses stand beside the images."""
        return bool(self._poses)

    @property
    def poses(self) -> tuple[Pose | None, ...]:
        """The pose of each image in their order, None where it is not known."""
        return tuple(self._poses.get(path.name) for path in self.paths)

    def frames(self, on_error: OnError = log_error) -> Iterator[Frame]:
        """The images in order, with their poses; those that cannot be read go to ``on_error``."""
        for path, stamp_ns in zip(self.paths, self.stamps_ns, strict=True):
            try:
                image = read_image(path)
            except VprError as error:
                on_error(error)
                continue
            yield Frame(stamp_ns, image, self._poses.get(path.name), name=path.name)


def natural_order(path: Path) -> tuple[list[tuple[bool, int, str]], str]:
    """A sorting key that compares digits by their value."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", path.name)
    return [(not digits, int(digits or 0), digits + text) for digits, text in parts], path.name


def is_image(path: Path) -> bool:
    """Whether a file's name is that of an image; hidden files are not meant."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _image_paths(path: Path) -> list[Path]:
    if not path.exists():
        raise DatasetError(f"{path}: there is no such file or folder")
    if not path.is_dir():
        return [path]
    try:
        found = sorted(filter(is_image, path.iterdir()), key=natural_order)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    if not found:
        raise DatasetError(f"{path}: no images in this folder ({', '.join(IMAGE_SUFFIXES)})")
    return found


def _stamps(paths: Sequence[Path], rate: float) -> list[int]:
    """The stamps of images, nanoseconds."""
    stems = [path.stem for path in paths]
    if all(_STAMP_NAME.fullmatch(stem) and int(stem) < 2**63 for stem in stems):
        return [int(stem) for stem in stems]
    return [round(index * 1e9 / rate) for index in range(len(paths))]


def _read_poses(path: Path) -> dict[str, Pose]:
    """Image name -> pose; DatasetError, which names the row, where there is none."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"image", *POSE_COLUMNS} - set(reader.fieldnames or ())
            if missing:
                raise DatasetError(f"{path}: no column {', '.join(sorted(missing))}")
            return {row["image"]: _pose(row, f"{path}:{reader.line_num}") for row in reader}
    except (OSError, UnicodeError, csv.Error) as error:
        raise DatasetError(f"{path}: {error}") from error


def _pose(row: dict[str, str], where: str) -> Pose:
    try:
        x, y, z, qx, qy, qz, qw = (float(row[name]) for name in POSE_COLUMNS)
        return checked_pose((x, y, z), (qx, qy, qz, qw), POSE_FRAME)
    except (TypeError, ValueError, VprError) as error:  # a short row holds None
        raise DatasetError(f"{where}: not a pose: {error}") from error


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
        self.names: Sequence[str] = list(names)  # paths below the folder
        if len(set(names)) < len(names):
            twice = next(name for name in names if self.names.count(name) > 1)
            raise DatasetError(f"{root / twice}: listed twice: leave one of the entries out")
        missing = _missing(root, self.names)
        if missing:
            raise DatasetError(
                f"{root / missing[0]}: missing, and {len(missing) - 1} more of {len(self.names)} "
                "images: unpack the whole data set here"
            )

    def path(self, index: int) -> Path:
        """The file of one image."""
        return self.root / self.names[index]

    def read(self, index: int) -> ImageArray:
        """One image, RGB, uint8 [H, W, 3]; ImageError if it is missing or damaged."""
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
