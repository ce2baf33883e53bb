# SPDX-License-Identifier: Apache-2.0
"""The images and their poses of a VisualSFM model (.nvm, http://ccwu.me/vsfm/doc.html#nvm)."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TextIO

from vpr_ros.datatypes import Pose
from vpr_ros.errors import DatasetError, VprError
from vpr_ros.geometry.poses import checked_pose

_HEADER = "NVM_V3"


def read_nvm(path: Path, frame: str) -> dict[str, Pose]:
    """Image name -> world_T_camera, in the order of the file; the points are not read.

    Raises:
        DatasetError: it is missing, no such model, or cut off.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return _images(file, path, frame)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except UnicodeError as error:
        raise DatasetError(f"{path}: not a text file: {error}") from error


def _images(file: TextIO, path: Path, frame: str) -> dict[str, Pose]:
    lines = (line.split() for line in file if line.strip())
    header, count = next(lines, [""]), next(lines, [""])
    if not header[0].startswith(_HEADER) or not count[0].isdecimal():
        raise DatasetError(f"{path}: not a model of VisualSFM ({_HEADER}, number of images)")
    images = {}
    for fields in islice(lines, int(count[0])):
        try:
            images[fields[0].removeprefix("./")] = _pose(fields, frame)
        except (ValueError, VprError) as error:
            raise DatasetError(f"{path}: {fields[0]}: not an image's line: {error}") from error
    if len(images) != int(count[0]):
        raise DatasetError(f"{path}: {len(images)} of {count[0]} images: the file is cut off")
    return images


def _pose(fields: list[str], frame: str) -> Pose:
    """Of ``name focal qw qx qy qz cx cy cz distortion 0``: camera_R_world and its place."""
    w, x, y, z, *center = (float(text) for text in fields[2:9])
    return checked_pose(tuple(center), (-x, -y, -z, w), frame)
