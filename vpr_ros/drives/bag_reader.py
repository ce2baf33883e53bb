# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 as a drive: its images with the pose and camera that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from vpr_ros.config import TfConfig
from vpr_ros.datatypes import Camera, Frame, Pose
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_images import image_entries
from vpr_ros.drives.bag_messages import camera_of, image_of, pose_from_parts, pose_of, stamp_of
from vpr_ros.drives.flaws import OnError, located, log_error
from vpr_ros.drives.recorded_poses import RecordedPoses
from vpr_ros.drives.topics import (
    POSE_TYPES,
    Topic,
    find_camera_topic,
    find_image_topic,
    find_pose_topic,
    is_rectified,
    named_topic,
)
from vpr_ros.drives.tracks import Track
from vpr_ros.errors import DatasetError, VprError
from vpr_ros.geometry.transforms import FixedFrames, RigidTransform, as_mount

_TF_TYPE, _TF_TOPIC = "tf2_msgs/msg/TFMessage", "tf_static"
_T = TypeVar("_T")


class BagReader(BagFile):
    """An open bag as a drive, to be closed or used in a ``with`` block.

    Topics may be left out: an empty name means the only topic that fits.
    """

    def __init__(self, path: Path) -> None:
        """Open the bag, as a ``BagFile`` does."""
        super().__init__(path)
        self._poses: dict[str, RecordedPoses] = {}  # by topic, read once

    def __enter__(self) -> BagReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def image_topic(self, name: str = "") -> Topic:
        """The image topic that is meant, or DatasetError, as ``find_image_topic`` does."""
        return self._found(find_image_topic, name)

    def pose_topic(self, name: str = "") -> Topic | None:
        """The pose topic that is meant, or None, or DatasetError, as ``find_pose_topic`` does."""
        return self._found(find_pose_topic, name)

    def frames(
        self, image_topic: str = "", pose_topic: str | None = "", on_error: OnError = log_error
    ) -> Iterator[Frame]:
        """The images in the order they were recorded, with pose and camera where known.

        Args:
            image_topic: an Image or CompressedImage.
            pose_topic: an Odometry, PoseStamped or PoseWithCovarianceStamped, interpolated to the
                stamp of each image; None reads no poses.
            on_error: told of images and poses that are skipped.

        Raises:
            DatasetError: a topic cannot be found, now; or the bag turns out to be damaged, later.
        """
        images = self.image_topic(image_topic)
        poses = None if pose_topic is None else self.pose_topic(pose_topic)
        return self._frames(images, poses, on_error)

    def undecoded(
        self, image_topic: str = "", pose_topic: str | None = "", on_error: OnError = log_error
    ) -> Iterator[Frame]:
        """What ``frames`` goes through, without the images: none is decoded."""
        images = self.image_topic(image_topic)
        poses = None if pose_topic is None else self.pose_topic(pose_topic)
        recorded = self.recorded_poses(poses, on_error)
        seen_in = self._camera(images.name, on_error)
        for entry in image_entries(self, images):
            stamp_ns = entry.stamp_ns
            yield Frame(stamp_ns, None, recorded.at(stamp_ns), seen_in(entry.frame_id), images.name)

    def recorded_poses(self, topic: Topic | None, on_error: OnError = log_error) -> RecordedPoses:
        """The poses of a topic, none without one; those refused are told when it is first read."""
        if topic is None:
            return RecordedPoses()
        if topic.name not in self._poses:
            track, refused = self._track(topic)
            for error in refused:
                on_error(error)
            self._poses[topic.name] = RecordedPoses(track, refused)
        return self._poses[topic.name]

    def trajectory(self, topic: str) -> Track:
        """(Stamp in nanoseconds, pose) of a pose topic; DatasetError if there is no such topic."""
        track, refused = self._track(self._found(named_topic, topic, POSE_TYPES))
        for error in refused:
            log_error(error)
        return track

    def _found(self, find: Callable[..., _T], *wanted: Any) -> _T:
        try:
            return find(self.topics, *wanted)
        except DatasetError as error:
            raise located(error, str(self.path)) from None

    def _frames(self, images: Topic, poses: Topic | None, on_error: OnError) -> Iterator[Frame]:
        # Poses first: the one after an image may be recorded later than the image.
        recorded = self.recorded_poses(poses, on_error)
        seen_in = self._camera(images.name, on_error)
        for log_ns, message in self.messages(images, on_error):
            stamp_ns = stamp_of(message, log_ns)
            try:
                image, pose = image_of(message), recorded.at(stamp_ns)
            except VprError as error:
                on_error(located(error, f"{images.name} at {stamp_ns} ns"))
                continue
            yield Frame(stamp_ns, image, pose, seen_in(str(message.header.frame_id)), images.name)

    def _track(self, topic: Topic) -> tuple[Track, list[VprError]]:
        """The poses of a topic, and why others are none."""
        track: list[tuple[int, Pose]] = []
        refused: list[VprError] = []
        for log_ns, message in self.messages(topic, refused.append):
            stamp_ns = stamp_of(message, log_ns)
            try:
                track.append((stamp_ns, pose_of(message)))
            except VprError as error:
                refused.append(located(error, f"{topic.name} at {stamp_ns} ns"))
        return track, refused

    def _camera(self, image_topic: str, on_error: OnError) -> Callable[[str], Camera | None]:
        """The camera of a topic's images, by the frame that the image's header names.

        It is as the first message beside the topic describes it, in its place on the robot where
        that is known; the robot's base is the frame that nodes take it for unless told.
        """
        topic = find_camera_topic(self.topics, image_topic)
        messages = self.messages(topic, log_error) if topic else iter(())
        first = next(messages, None)
        camera = camera_of(first[1], is_rectified(image_topic)) if first else None
        frames = self._fixed_frames(on_error)

        @cache
        def seen_in(frame_id: str) -> Camera | None:
            if not frame_id:
                return camera
            base_T_camera = frames.camera_on(TfConfig.base_frame, frame_id)
            mount = None if base_T_camera is None else as_mount(base_T_camera)
            return replace(camera or Camera(), frame_id=frame_id, mount=mount)

        return seen_in

    def _fixed_frames(self, on_error: OnError) -> FixedFrames:
        """The fixed frames of every robot in the bag, without those that cannot be."""
        frames = FixedFrames()
        for topic in self.topics.values():
            if topic.type != _TF_TYPE or not topic.name.endswith(_TF_TOPIC):
                continue
            try:
                for log_ns, message in self.messages(topic, on_error):
                    for stamped in message.transforms:
                        _add(frames, stamped, f"{topic.name} at {log_ns} ns", on_error)
            except VprError as error:
                on_error(error)
        return frames


def _add(frames: FixedFrames, stamped: Any, where: str, on_error: OnError) -> None:
    parent, transform = str(stamped.header.frame_id), stamped.transform
    try:
        pose = pose_from_parts(transform.translation, transform.rotation, parent)
    except VprError as error:
        on_error(located(error, where))
        return
    frames.add(parent, str(stamped.child_frame_id), RigidTransform.of_pose(pose))
