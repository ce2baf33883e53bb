# SPDX-License-Identifier: Apache-2.0
"""The file that the MSLS challenge takes, and the authors' evaluation script for validation."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.metrics.rankings import Rankings
from vpr_ros.evaluation.retrieval_set import RetrievalSet

COUNT = 20  # the authors' script computes recall and mAP at up to 20

_HEADER = "# key of a query, then the keys of the images it is matched with, best first\n"


def write_predictions(
    path: Path, data: RetrievalSet, rankings: Rankings, count: int = COUNT
) -> None:
    """Write each query's first answers; a ``.zip`` gets the one CSV file that the server wants.

    The format is that of github.com/mapillary/mapillary_sls: one line for each query, keys with
    spaces between them, every line of the same length.

    Args:
        path: of the new file: ``.zip`` or anything else.
        data: what ``msls`` read.
        rankings: [Q] of at least ``count`` database indices, best first.
        count: answers for each query.

    Raises:
        DatasetError: a ranking is too short, or there are not as many as queries; or the file
            cannot be written.
    """
    text = _HEADER + "".join(_lines(data, rankings, min(count, len(data.database.names))))
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{path.stem}.csv", text)
        else:
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error


def _lines(data: RetrievalSet, rankings: Rankings, count: int) -> list[str]:
    if len(rankings) != len(data.queries.names):
        raise DatasetError(f"{len(rankings)} rankings for {len(data.queries.names)} queries")
    queries, database = _keys(data.queries.names), _keys(data.database.names)
    lines = []
    for query, ranking in zip(queries, rankings, strict=True):
        if len(ranking) < count:
            raise DatasetError(f"{query}: {len(ranking)} answers, the file needs {count} of each")
        lines.append(" ".join([query, *(database[index] for index in ranking[:count])]) + "\n")
    return lines


def _keys(names: Sequence[str]) -> list[str]:
    return [PurePosixPath(name).stem for name in names]
