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

from collections.abc import Sequence
from pathlib import Path

from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_messages import pose_of, stamp_of
from vpr_ros.drives.flaws import OnError, located, log_error
from vpr_ros.drives.topics import POSE_TYPES, Topic, listed, named_topic
from vpr_ros.drives.tracks import MAX_GAP_S, Track
from vpr_ros.errors import DatasetError, VprError
from vpr_ros.evaluation.ground_truth.geodesy import Geodetic
from vpr_ros.evaluation.ground_truth.satellite import (
    NAVSATFIX_TYPE,
    Fix,
    fix_of,
    track_of_fixes,
)
from vpr_ros.evaluation.ground_truth.trajectory_files import read_kitti, read_kitti_times, read_tum
from vpr_ros.evaluation.ground_truth.transforms import STATIC_TOPIC, TF_TYPE, TransformTree
from vpr_ros.geometry.poses import PoseError

GROUND_TRUTH = "ground_truth"
_TYPES = (*POSE_TYPES, NAVSATFIX_TYPE)


class TruthReader:
    """Reads the truth of one or more bags into one frame: the first fix is the origin for all."""

    def __init__(self, on_error: OnError = log_error, max_gap: float = MAX_GAP_S) -> None:
        """Start without an origin.

        Args:
            on_error: told of messages that are skipped.
            max_gap: seconds between two transforms that are still interpolated.
        """
        self._on_error = on_error
        self._max_gap = max_gap
        self._origin: Geodetic | None = None

    def read(self, bag: BagFile, source: str, image_stamps_ns: Sequence[int]) -> Track:
        """The true trajectory of a bag.

        Args:
            bag: open.
            source: as the text at the head of this file says.
            image_stamps_ns: stamps of its images in their order.

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
        track = []
        for log_ns, message in bag.messages(topic, self._on_error):
            stamp_ns = stamp_of(message, log_ns)
            try:
                track.append((stamp_ns, pose_of(message)))
            except VprError as error:
                self._on_error(located(error, f"{topic.name} at {stamp_ns} ns"))
        return track

    def _fixes(self, bag: BagFile, topic: Topic) -> Track:
        fixes: list[Fix] = []
        for log_ns, message in bag.messages(topic, self._on_error):
            stamp_ns = stamp_of(message, log_ns)
            try:
                fix = fix_of(message, stamp_ns)
            except VprError as error:
                self._on_error(located(error, f"{topic.name} at {stamp_ns} ns"))
                continue
            fixes += [fix] if fix else []
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
            for log_ns, message in bag.messages(topic, self._on_error):
                try:
                    tree.add(message, topic.name.endswith(STATIC_TOPIC))
                except PoseError as error:
                    self._on_error(located(error, f"{topic.name} at {log_ns} ns"))
        return tree.track(target, source)

    def _tum(self, _bag: BagFile, path: str, _stamps: Sequence[int]) -> Track:
        return read_tum(Path(path))

    def _kitti(self, _bag: BagFile, paths: str, image_stamps_ns: Sequence[int]) -> Track:
        poses, _, times = paths.partition(":")
        if not times:
            return read_kitti(Path(poses), image_stamps_ns)
        start_ns = image_stamps_ns[0] if image_stamps_ns else 0
        return read_kitti(Path(poses), read_kitti_times(Path(times), start_ns))


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
