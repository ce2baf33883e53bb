# SPDX-License-Identifier: Apache-2.0
"""RobotCar Seasons v2 (Maddern et al., IJRR 2017; Sattler et al., CVPR 2018; Toft et al., 2020).

The pose of the best match stands for the query's own. It is right within 0.25 m and 2 degrees,
0.5 m and 5 degrees, 5 m and 10 degrees, for each condition (www.visuallocalization.net). Each of
the three is a rule here, whose recall@1 is the published percentage: queries that no database
image is so close to count, and are always missed.

The split ``train`` has poses for everybody. Those of ``test`` are known to the benchmark's server
alone: ``write_poses`` makes the file that it takes. Queries are of the rear camera. Papers do not
say which cameras' images make their database; the benchmark's own places all three in the model.
The default is the rear camera, since no other looks the same way within 10 degrees.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TextIO

import numpy as np

from vpr_ros.datatypes import Pose
from vpr_ros.drives.image_files import ImageFiles
from vpr_ros.errors import DatasetError, VprError
from vpr_ros.evaluation.ground_truth.positives import Places, positives_within, rule_name
from vpr_ros.evaluation.ground_truth.trajectory_files import transform_of
from vpr_ros.evaluation.metrics.localization import BUCKETS
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.protocols.planar import grouped, numbered
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet
from vpr_ros.evaluation.table_files import read_lines
from vpr_ros.geometry.poses import checked_pose

NIGHT = ("night", "night-rain")
FRAME = "robotcar"

_MODEL_HEADER = "NVM_V3"


def read(folder: Path, split: str = "train", cameras: str = "rear") -> RetrievalSet:
    """The images in images/CONDITION/CAMERA, the model of the reference, the list of a split."""
    if split not in ("train", "test"):
        raise DatasetError(f"split = {split!r}: RobotCar Seasons v2 has train, test")
    model = _read_model(folder / "3D-models" / "all-merged" / "all.nvm")
    wanted = cameras.split(",")
    database = {
        _jpg(name): pose
        for name, pose in model.items()
        if PurePosixPath(name).parent.name in wanted
    }
    if not database:
        raise DatasetError(f"{folder}: all.nvm has no images of camera {cameras}")
    path = folder / f"robotcar_v2_{split}.txt"
    queries = _train(path) if split == "train" else {_jpg(line): None for line in read_lines(path)}
    if not queries:
        raise DatasetError(f"{path}: no images")
    database_poses, query_poses = tuple(database.values()), tuple(queries.values())
    labels = [name.partition("/")[0] for name in queries]
    return RetrievalSet(
        f"robotcar-seasons-v2-{split}",
        ImageFiles(folder / "images", list(database)),
        ImageFiles(folder / "images", list(queries)),
        _relevance(query_poses, database_poses) if split == "train" else {},
        _conditions(labels),
        numbered(labels),  # each condition is one drive
        database_poses,
        query_poses if split == "train" else (),
    )


PROTOCOL = Protocol(
    "RobotCar Seasons v2: within 0.25 m and 2 deg, 0.5 m and 5 deg, 5 m and 10 deg",
    read,
    {
        "split": Option("train", "train, or test: the benchmark's, whose truth is secret"),
        "cameras": Option("rear", "of the database, with commas: left,rear,right"),
    },
)


def _relevance(
    queries: tuple[Pose | None, ...], database: tuple[Pose | None, ...]
) -> dict[str, Relevance]:
    ours, theirs = Places.of_poses(queries), Places.of_poses(database)
    return {
        rule_name(meters, radians): Relevance(
            positives_within(ours, theirs, meters, radians), counts_unmatched=True
        )
        for meters, radians in BUCKETS
    }


def _conditions(labels: list[str]) -> dict[str, Indices]:
    """Each condition, and day and night as the benchmark sums them up."""
    sums = ["night (all)" if label in NIGHT else "day (all)" for label in labels]
    return {**grouped(labels), **grouped(sums)}


def _read_model(path: Path) -> dict[str, Pose]:
    """Image name -> world_T_camera of a VisualSFM model, in the order of the file.

    Its format: http://ccwu.me/vsfm/doc.html#nvm. The points are not read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return _images(file, path)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except UnicodeError as error:
        raise DatasetError(f"{path}: not a text file: {error}") from error


def _images(file: TextIO, path: Path) -> dict[str, Pose]:
    lines = (line.split() for line in file if line.strip())
    header, count = next(lines, [""]), next(lines, [""])
    if not header[0].startswith(_MODEL_HEADER) or not count[0].isdecimal():
        raise DatasetError(f"{path}: not a model of VisualSFM ({_MODEL_HEADER}, number of images)")
    images = {}
    for fields in islice(lines, int(count[0])):
        try:
            images[fields[0].removeprefix("./")] = _model_pose(fields)
        except (ValueError, VprError) as error:
            raise DatasetError(f"{path}: {fields[0]}: not an image's line: {error}") from error
    if len(images) != int(count[0]):
        raise DatasetError(f"{path}: {len(images)} of {count[0]} images: the file is cut off")
    return images


def _model_pose(fields: list[str]) -> Pose:
    """Of ``name focal qw qx qy qz cx cy cz distortion 0``: camera_R_world and its place."""
    w, x, y, z, *center = (float(text) for text in fields[2:9])
    return checked_pose(tuple(center), (-x, -y, -z, w), FRAME)


def _train(path: Path) -> dict[str, Pose | None]:
    """Image -> pose: each line is a name and the 16 numbers of world_T_camera, row by row."""
    poses: dict[str, Pose | None] = {}
    for count, line in enumerate(read_lines(path), start=1):
        name, *texts = line.split()
        try:
            matrix = np.array([float(text) for text in texts]).reshape(4, 4)
            poses[_jpg(name)] = transform_of(matrix).as_pose(FRAME)
        except (ValueError, VprError) as error:
            raise DatasetError(
                f"{path}: entry {count}: not a name and a 4 x 4 pose: {error}"
            ) from error
    return poses


def _jpg(name: str) -> str:
    """Lists and model name .png files; the images are handed out as .jpg."""
    return name.removeprefix("./").removesuffix(".png").removesuffix(".jpg") + ".jpg"
