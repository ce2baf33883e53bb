# SPDX-License-Identifier: Apache-2.0
"""Where the truth about a bag comes from, as one text says it.

===========================  ====================================================================
 text                         what it names
===========================  ====================================================================
 empty                        the bag's only pose topic called ``ground_truth``, or its only
                              NavSatFix topic, or its only pose topic of another name
 ``/some/topic``              an Odometry, PoseStamped, PoseWithCovarianceStamped or NavSatFix
 ``tf:map:base_link``         the second frame in the first, from the bag's TFMessage topics
 ``tum:file.txt``             a trajectory file of the TUM RGB-D benchmark
 ``kitti:poses.txt``          a trajectory file of KITTI odometry: one pose for each image
 ``kitti:poses.txt:times.txt``   the same with its times, which count from the first image
===========================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vpr_ros.datatypes import Pose
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_messages import pose_of, stamp_of
from vpr_ros.drives.flaws import located, log_error
from vpr_ros.drives.topics import POSE_TYPES, Topic, listed, named_topic
from vpr_ros.drives.tracks import MAX_GAP_S, Track, pose_buffer
from vpr_ros.errors import DatasetError, VprError
from vpr_ros.evaluation.ground_truth.satellite import (
    NAVSATFIX_TYPE,
    Geodetic,
    fix_of,
    track_of_fixes,
)
from vpr_ros.evaluation.ground_truth.trajectory_files import read_kitti, read_kitti_times, read_tum
from vpr_ros.evaluation.ground_truth.transforms import STATIC_TOPIC, TF_TYPE, TransformTree
from vpr_ros.geometry.poses import PoseError

GROUND_TRUTH = "ground_truth"
_TYPES = (*POSE_TYPES, NAVSATFIX_TYPE)

_Parsed = TypeVar("_Parsed")


class TruthReader:
    """Reads the truth of one or more bags into one frame: the first fix is the origin for all."""

    def __init__(self, max_gap: float = MAX_GAP_S) -> None:
        """Start without an origin; ``max_gap`` seconds between transforms are interpolated."""
        self._max_gap = max_gap
        self._origin: Geodetic | None = None

    def read(self, bag: BagFile, source: str, image_stamps_ns: Sequence[int]) -> Track:
        """The true trajectory of an open bag, from the source that the head of this file explains.

        Raises:
            DatasetError: it cannot be found, is of another kind, or holds no poses.
        """
        kind, _, rest = source.partition(":")
        readers = {"tf": self._frames, "tum": self._tum, "kitti": self._kitti}
        try:
            if kind in readers and rest:
                track = readers[kind](bag, rest, image_stamps_ns)
            else:
                track = self._topic(bag, source)
        except DatasetError as error:
            raise located(error, str(bag.path)) from None
        if not track:
            raise DatasetError(f"{bag.path}: no poses in {source or 'its ground truth'}")
        return track

    def _topic(self, bag: BagFile, name: str) -> Track:
        topic = named_topic(bag.topics, name, _TYPES) if name else _likely(bag)
        if topic.type == NAVSATFIX_TYPE:
            return self._fixes(bag, topic)
        return list(_parsed(bag, topic, lambda message, stamp_ns: (stamp_ns, pose_of(message))))

    def _fixes(self, bag: BagFile, topic: Topic) -> Track:
        fixes = [fix for fix in _parsed(bag, topic, fix_of) if fix is not None]
        if not fixes:
            raise DatasetError(f"{topic.name}: the receiver never had a fix")
        self._origin = self._origin or fixes[0].position
        return track_of_fixes(sorted(fixes, key=lambda fix: fix.stamp_ns), self._origin)

    def _frames(self, bag: BagFile, frames: str, _stamps: Sequence[int]) -> Track:
        target, _, source = frames.partition(":")
        topics = [topic for topic in bag.topics.values() if topic.type == TF_TYPE]
        if not topics or not source:
            raise DatasetError(
                f"tf:{frames}: needs tf:TARGET:SOURCE and a topic of {TF_TYPE}; the bag holds "
                f"{listed(bag.topics.values())}"
            )
        tree = TransformTree(self._max_gap)
        for topic in topics:
            for log_ns, message in bag.messages(topic, log_error):
                try:
                    tree.add(message, topic.name.endswith(STATIC_TOPIC))
                except PoseError as error:
                    log_error(located(error, f"{topic.name} at {log_ns} ns"))
        return tree.track(target, source)

    def _tum(self, _bag: BagFile, path: str, _stamps: Sequence[int]) -> Track:
        return read_tum(Path(path))

    def _kitti(self, _bag: BagFile, paths: str, image_stamps_ns: Sequence[int]) -> Track:
        poses, _, times = paths.partition(":")
        if not times:
            return read_kitti(Path(poses), image_stamps_ns)
        start_ns = image_stamps_ns[0] if image_stamps_ns else 0
        return read_kitti(Path(poses), read_kitti_times(Path(times), start_ns))


def _parsed(bag: BagFile, topic: Topic, parse: Callable[[Any, int], _Parsed]) -> Iterator[_Parsed]:
    """What the messages of a topic and their stamps are made into, without those it refuses."""
    for log_ns, message in bag.messages(topic, log_error):
        stamp_ns = stamp_of(message, log_ns)
        try:
            yield parse(message, stamp_ns)
        except VprError as error:
            log_error(located(error, f"{topic.name} at {stamp_ns} ns"))


def _likely(bag: BagFile) -> Topic:
    """The topic that is meant where none is named."""
    filled = [topic for topic in bag.topics.values() if topic.type in _TYPES and topic.count]
    choices = (
        [topic for topic in filled if GROUND_TRUTH in topic.name],
        [topic for topic in filled if topic.type == NAVSATFIX_TYPE],
        filled,
    )
    found = next((choice for choice in choices if choice), [])
    if not found:
        raise DatasetError(f"no poses to judge by; the bag holds {listed(bag.topics.values())}")
    if len(found) > 1:
        raise DatasetError(f"several topics may be the truth: {listed(found)}: name one")
    return found[0]


def poses_at(
    track: Track, stamps_ns: Sequence[int], max_gap: float = MAX_GAP_S
) -> tuple[Pose | None, ...]:
    """The pose of a trajectory at the stamps of images, None where it does not enclose the stamp.

    Poses at most ``max_gap`` seconds apart are interpolated.

    Raises:
        DatasetError: the trajectory changes its frame, or covers not a single image.
    """
    frames = sorted({pose.frame_id for _, pose in track})
    if len(frames) > 1:
        raise DatasetError(f"the truth is given in several frames: {', '.join(frames)}")
    buffer = pose_buffer(track, max_gap)
    poses = tuple(buffer.at(stamp_ns) for stamp_ns in stamps_ns)
    if stamps_ns and not any(poses):
        raise DatasetError(
            f"truth covers {_span([stamp for stamp, _ in track])}, images {_span(stamps_ns)}: no "
            f"image lies between two poses at most {max_gap:g} s apart: are both of one clock?"
        )
    return poses


def _span(stamps_ns: Sequence[int]) -> str:
    if not stamps_ns:
        return "nothing"
    return f"{min(stamps_ns) / 1e9:.3f}..{max(stamps_ns) / 1e9:.3f} s"
