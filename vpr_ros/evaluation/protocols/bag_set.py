# SPDX-License-Identifier: Apache-2.0
"""Two recordings, or one that comes back to its places, as queries and the database for them."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vpr_ros.datatypes import Pose
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_images import BagImages, ImageEntry, image_entries
from vpr_ros.drives.flaws import located
from vpr_ros.drives.topics import find_image_topic
from vpr_ros.drives.tracks import stretches
from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.positives import (
    MAX_ANGLE,
    MAX_DISTANCE,
    Places,
    positives_within,
    rule_name,
)
from vpr_ros.evaluation.ground_truth.source import TruthReader, poses_at
from vpr_ros.evaluation.retrieval_set import Indices, Relevance, RetrievalSet
from vpr_ros.geometry.poses import distance

# Seconds between two true poses that are still interpolated: receivers give one a second, and are
# late now and then.
_MAX_GAP = 2.0

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class BagOptions:
    """How recordings are read and judged."""

    image_topic: str = ""  # an Image or CompressedImage; empty: the only one
    truth: str = ""  # where the true poses come from, as ``ground_truth.source`` explains
    query_truth: str = ""  # the same for the query's recording; empty: as ``truth``
    max_distance: float = MAX_DISTANCE  # meters within which a database image is right
    max_angle: float | None = MAX_ANGLE  # radians that both may look apart; None: any
    min_interval: float = 0.0  # seconds between two images that are taken; 0 takes all
    # In one recording against itself, what before a query does not count:
    recent_s: float = 20.0  # seconds
    recent_distance: float = 20.0  # meters that were driven


@dataclass(frozen=True)
class _Drive:
    images: BagImages
    poses: tuple[Pose, ...]


def read_bag_set(
    map_bag: Path, query_bag: Path | None = None, options: BagOptions | None = None
) -> RetrievalSet:
    """Queries of one recording, looked for in another; or a recording's own loop closures.

    Images at whose stamps the truth is not known are left out of both sides, since nobody can say
    whether they are right.

    Args:
        map_bag: the recording that is the database.
        query_bag: the recording of the queries. Without one, every image of ``map_bag`` is looked
            for among those before it; those after it, and the last ones before it, which show
            its place without being a loop, are ignored.
        options: what is read and judged.

    Raises:
        DatasetError: a bag cannot be read, a topic or the truth is not there, the truth does not
            belong to the images, or no query shows a place of the database.
    """
    settings = options or BagOptions()
    _check(settings)
    truths = TruthReader(max_gap=_MAX_GAP)
    database = _drive(map_bag, settings.truth, settings, truths)
    if query_bag is None:
        queries, ignored = database, _recent(database, settings)
    else:
        source = settings.query_truth or settings.truth
        queries, ignored = _drive(query_bag, source, settings, truths), ()
        _check_frames(database, queries)
    positives = _positives(queries, database, ignored, settings)
    return RetrievalSet(
        map_bag.stem if query_bag is None else f"{query_bag.stem} in {map_bag.stem}",
        database.images,
        queries.images,
        {rule_name(settings.max_distance, settings.max_angle): Relevance(positives, ignored)},
        sequence_of=stretches(queries.images.stamps_ns),
        database_poses=database.poses,
        query_poses=queries.poses,
    )


def _drive(path: Path, truth: str, settings: BagOptions, truths: TruthReader) -> _Drive:
    with closing(BagFile(path)) as bag:
        try:
            topic = find_image_topic(bag.topics, settings.image_topic)
            entries = sorted(image_entries(bag, topic))
            if not entries:
                raise DatasetError(f"{topic.name}: no images in it")
            stamps_ns = [entry.stamp_ns for entry in entries]
            # Before images are left out: a KITTI file has one pose for each.
            poses = poses_at(truths.read(bag, truth, stamps_ns), stamps_ns, _MAX_GAP)
        except DatasetError as error:
            raise (error if str(path) in str(error) else located(error, str(path))) from None
    kept = _spaced(entries, settings.min_interval)
    known = {index: pose for index in kept if (pose := poses[index]) is not None}
    if not known:
        raise DatasetError(f"{path}: no image whose true pose is known")
    if len(known) < len(kept):
        unknown = len(kept) - len(known)
        _LOGGER.warning("%s: %d of %d images are left out: no truth", path, unknown, len(kept))
    images = BagImages(path, topic, [entries[index] for index in known])
    return _Drive(images, tuple(known.values()))


def _spaced(entries: Sequence[ImageEntry], min_interval: float) -> list[int]:
    """Images that come at least so many seconds after the last one that was taken."""
    kept: list[int] = []
    for index, entry in enumerate(entries):
        last = entries[kept[-1]].stamp_ns if kept else None
        if last is None or not 0 <= entry.stamp_ns - last < min_interval * 1e9:
            kept.append(index)
    return kept


def _recent(drive: _Drive, settings: BagOptions) -> tuple[Indices, ...]:
    """For each image those after it, and those before it that are no loop: views of one array."""
    steps = [distance(*pair) for pair in zip(drive.poses, drive.poses[1:], strict=False)]
    driven = np.concatenate([[0.0], np.cumsum(steps)])
    stamps = np.asarray(drive.images.stamps_ns, np.int64)
    every = np.arange(len(stamps))
    by_time = np.searchsorted(stamps, stamps - round(settings.recent_s * 1e9), "left")
    by_distance = np.searchsorted(driven, driven - settings.recent_distance, "left")
    firsts = np.minimum(np.minimum(by_time, by_distance), every)
    return tuple(every[first:] for first in firsts.tolist())


def _positives(
    queries: _Drive, database: _Drive, ignored: tuple[Indices, ...], settings: BagOptions
) -> tuple[Indices, ...]:
    ours, theirs = Places.of_poses(queries.poses), Places.of_poses(database.poses)
    found = positives_within(ours, theirs, settings.max_distance, settings.max_angle)
    if ignored:
        found = tuple(each[each < others[0]] for each, others in zip(found, ignored, strict=True))
    if not any(map(len, found)):
        rule = rule_name(settings.max_distance, settings.max_angle)
        raise DatasetError(
            f"no query has a database image within {rule}: are both trajectories of one frame, and "
            "does the drive come back?"
        )
    return found


def _check(settings: BagOptions) -> None:
    for name in ("min_interval", "recent_s", "recent_distance"):
        value = getattr(settings, name)
        if not (value >= 0.0 and math.isfinite(value)):
            raise DatasetError(f"{name} = {value}: must be 0 or more")


def _check_frames(database: _Drive, queries: _Drive) -> None:
    ours, theirs = queries.poses[0].frame_id, database.poses[0].frame_id
    if ours != theirs:
        raise DatasetError(
            f"the truth of the queries is given in frame {ours!r}, that of the database in "
            f"{theirs!r}: they cannot be compared"
        )
