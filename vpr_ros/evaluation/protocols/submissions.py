# SPDX-License-Identifier: Apache-2.0
"""The files that the servers of data sets take whose truth is secret."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from vpr_ros.datatypes import Pose
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.rankings import Rankings
from vpr_ros.evaluation.retrieval_set import RetrievalSet
from vpr_ros.geometry.transforms import RigidTransform

MSLS_COUNT = 20  # answers for each query: the authors' script computes recall at up to 20

_MSLS_HEADER = "# key of a query, then the keys of the images it is matched with, best first\n"


def write_predictions(path: Path, data: RetrievalSet, rankings: Rankings) -> None:
    """Write the file of the MSLS challenge, which the authors' evaluation script reads, too.

    The format is that of github.com/mapillary/mapillary_sls: one line for each query, keys with
    spaces between them, every line of the same length: ``MSLS_COUNT`` answers. The server wants
    one CSV file in a zip, which a path that ends in ``.zip`` gets.

    Raises:
        DatasetError: a ranking is too short, or there are not as many as queries; or the file
            cannot be written.
    """
    _check_lengths(data, rankings)
    count = min(MSLS_COUNT, len(data.database.names))
    keys = [PurePosixPath(name).stem for name in data.database.names]
    lines = [_MSLS_HEADER]
    for name, ranking in zip(data.queries.names, rankings, strict=True):
        query = PurePosixPath(name).stem
        if len(ranking) < count:
            raise DatasetError(f"{query}: {len(ranking)} answers, the file needs {count} of each")
        lines.append(" ".join([query, *(keys[index] for index in ranking[:count])]) + "\n")
    _write(path, "".join(lines))


def write_poses(path: Path, data: RetrievalSet, rankings: Rankings) -> None:
    """Write the best match's pose for each query as www.visuallocalization.net takes it.

    Lines of ``camera/image.jpg qw qx qy qz tx ty tz``, the transform from the world to the camera.

    Raises:
        DatasetError: there are not as many rankings as queries, or the file cannot be written.
    """
    _check_lengths(data, rankings)
    lines = []
    for name, ranking in zip(data.queries.names, rankings, strict=True):
        pose = data.database_poses[ranking[0]] if len(ranking) else None
        if pose is not None:  # the server takes an image that is not listed for not found
            lines.append(_pose_line(name, pose))
    _write(path, "".join(lines))


def _pose_line(name: str, pose: Pose) -> str:
    camera_T_world = RigidTransform.of_pose(pose).inverse().as_pose(pose.frame_id)
    x, y, z, w = camera_T_world.orientation
    values = (w, x, y, z, *camera_T_world.position)
    short = name.partition("/")[2]  # without the condition: stamps are unique
    return " ".join([short, *(f"{value:.12g}" for value in values)]) + "\n"


def _check_lengths(data: RetrievalSet, rankings: Rankings) -> None:
    if len(rankings) != len(data.queries.names):
        raise DatasetError(f"{len(rankings)} rankings for {len(data.queries.names)} queries")


def _write(path: Path, text: str) -> None:
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{path.stem}.csv", text)
        else:
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
