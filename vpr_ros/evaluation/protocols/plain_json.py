# SPDX-License-Identifier: Apache-2.0
"""Plain folders with ``positives.json``: which images show the place of which.

``{"40": [0, 1, 2], ...}``: number of a query -> numbers of right database images, from 0, in the
order of the names (``frame2`` before ``frame10``). Either with the folders ``database`` and
``queries``, or with one folder ``images``: a walk that comes back to places it has been at. There,
every image with an entry is a query, and its database is what was seen before it: images after
it, and the last ``recent`` before it, which show its place without being a loop, are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vpr_ros.drives.image_files import ImageFiles, ImageFolder
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.protocols.base import Option, Protocol
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet

FILE = "positives.json"
SEQUENCE_IMAGES = 10  # neighbors of one walk are right or wrong together


def read(folder: Path, truth: str = FILE, recent: int = 10) -> RetrievalSet:
    """One walk or two, with the file of positives."""
    entries = _entries(folder / truth)
    if (folder / "queries").is_dir():
        return _two_walks(folder, entries, folder / truth)
    return _one_walk(folder, entries, folder / truth, recent)


PROTOCOL = Protocol(
    "plain folders with positives.json: as that says",
    read,
    {
        "truth": Option(FILE, "the file"),
        "recent": Option(10, "images before one of the same walk that do not count"),
    },
)


def _two_walks(folder: Path, entries: dict[int, Indices], path: Path) -> RetrievalSet:
    database, queries = (_images(folder / name) for name in ("database", "queries"))
    count = len(queries.names)
    _check_range(entries, count, len(database.names), path)
    positives = tuple(entries.get(query, np.empty(0, np.int64)) for query in range(count))
    return _set(folder, database, queries, Relevance(positives), range(count))


def _one_walk(folder: Path, entries: dict[int, Indices], path: Path, recent: int) -> RetrievalSet:
    images = _images(folder / "images" if (folder / "images").is_dir() else folder)
    count = len(images.names)
    _check_range(entries, count, count, path)
    for query, positives in entries.items():
        if len(positives) and positives[-1] >= max(0, query - recent):
            raise DatasetError(
                f"{path}: image {query} has positive {positives[-1]}, which is not more than "
                f"{recent} images before it: say a smaller recent"
            )
    chosen, every = sorted(entries), np.arange(count)
    # Views of one array: ignoring half of all pairs takes no memory.
    ignored = tuple(every[max(0, query - recent) :] for query in chosen)
    queries = ImageFiles(images.root, [images.names[query] for query in chosen])
    relevance = Relevance(tuple(entries[query] for query in chosen), ignored)
    return _set(folder, images, queries, relevance, chosen)


def _set(
    folder: Path,
    database: ImageFiles,
    queries: ImageFiles,
    relevance: Relevance,
    numbers: Sequence[int],
) -> RetrievalSet:
    sequence_of = np.array(numbers) // SEQUENCE_IMAGES
    return RetrievalSet(folder.name, database, queries, {FILE: relevance}, sequence_of=sequence_of)


def _images(folder: Path) -> ImageFiles:
    return ImageFiles(folder, [path.name for path in ImageFolder(folder).paths])


def _entries(path: Path) -> dict[int, Indices]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise DatasetError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: must be an object: query -> list of positives")
    entries = {}
    for query, right in content.items():
        if not query.isdecimal():
            raise DatasetError(f"{path}: query {query!r}: must be a number of an image, from 0")
        if not isinstance(right, list) or not all(type(each) is int for each in right):
            raise DatasetError(f"{path}: query {query}: must be a list of numbers of images")
        entries[int(query)] = np.unique(np.array(right, np.int64))
    if not any(map(len, entries.values())):
        raise DatasetError(f"{path}: no query has positives")
    return entries


def _check_range(entries: dict[int, Indices], queries: int, database: int, path: Path) -> None:
    for query, positives in entries.items():
        if query >= queries:
            raise DatasetError(f"{path}: query {query}, but there are {queries} images, from 0")
        if len(positives) and not 0 <= positives[0] <= positives[-1] < database:
            raise DatasetError(
                f"{path}: query {query} has positive {positives[-1]} of {database} images, from 0"
            )
