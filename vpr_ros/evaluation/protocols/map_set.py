# SPDX-License-Identifier: Apache-2.0
"""A map that exists as the database: its keyframes, and the queries of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from vpr_ros.datatypes import ImageArray, KeyframeKey, Pose
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.errors import DatasetError, ImageError
from vpr_ros.evaluation.ground_truth.positives import positives_of_poses
from vpr_ros.evaluation.ground_truth.source import TruthReader, poses_at
from vpr_ros.evaluation.protocols.bag_set import BagOptions, read_bag_set
from vpr_ros.evaluation.retrieval_set import Relevance, RetrievalSet
from vpr_ros.images import decode_compressed
from vpr_ros.place_map import PlaceMap


class Keyframes:
    """The pictures of a map's keyframes, in the order they were appended."""

    def __init__(self, path: Path) -> None:
        """Look what the map holds.

        Raises:
            MapError: it cannot be read.
        """
        self._path = path
        with PlaceMap.open(path) as place_map:
            records = place_map.table.records()
        self._keys = [record.key for record in records]
        self.names = [record.name for record in records]
        self.stamps_ns = [record.stamp_ns for record in records]
        self.poses = tuple(record.pose for record in records)
        self._poses = dict(zip(self._keys, self.poses, strict=True))

    def pose_of(self, key: KeyframeKey) -> Pose | None:
        """Where the map has a keyframe."""
        return self._poses.get(key)

    def read(self, index: int) -> ImageArray:
        """The thumbnail of one keyframe, RGB, uint8 [H, W, 3].

        Raises:
            ImageError: it has none.
        """
        with PlaceMap.open(self._path) as place_map:
            jpeg = place_map.thumbnail(self._keys[index])
        if not jpeg:
            raise ImageError(f"{self.names[index]}: the map holds no picture of it")
        return decode_compressed(jpeg)


def read_map_set(
    map_path: Path, query_bag: Path, options: BagOptions, map_bag: Path | None = None
) -> RetrievalSet:
    """Queries of a recording, looked for among the keyframes of a map.

    The recording that the map was made of tells the truth about its keyframes. Without it, the
    poses in the map are taken for true.

    Raises:
        MapError: the map cannot be read.
        DatasetError: a bag cannot be read, or the truth about one side is not known or not given
            in the frame of the other's.
    """
    keyframes = Keyframes(map_path)
    # The recording against itself: all that is asked of it are its images and their truth.
    own = replace(options, truth=options.query_truth or options.truth, query_truth="")
    queries = read_bag_set(query_bag, query_bag, own)
    poses = keyframes.poses if map_bag is None else _true_poses(keyframes, map_bag, options)
    _check(map_path, poses, queries.query_poses)
    limits = options.max_distance, options.max_angle
    positives = positives_of_poses(map_path, queries.query_poses, poses, *limits)
    (rule,) = queries.relevance
    return RetrievalSet(
        f"{query_bag.stem} in {map_path.name}",
        keyframes,
        queries.queries,
        {rule: Relevance(positives)},
        sequence_of=queries.sequence_of,
        database_poses=poses,
        query_poses=queries.query_poses,
    )


def _true_poses(
    keyframes: Keyframes, map_bag: Path, options: BagOptions
) -> tuple[Pose | None, ...]:
    with closing(BagFile(map_bag)) as bag:
        track = TruthReader().read(bag, options.truth, keyframes.stamps_ns)
    return poses_at(track, keyframes.stamps_ns)


def _check(path: Path, ours: Sequence[Pose | None], theirs: Sequence[Pose | None]) -> None:
    one, other = ({pose.frame_id for pose in poses if pose} for poses in (ours, theirs))
    if not one:
        raise DatasetError(f"{path}: no keyframe has a pose: name its recording with --map-bag")
    if one != other:
        raise DatasetError(
            f"{path}: its poses are given in frame {', '.join(sorted(one))}, the truth of the "
            f"queries in {', '.join(sorted(other))}: name the map's recording with --map-bag"
        )
