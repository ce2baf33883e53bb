# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 as a drive: its images with the pose and camera that belong to them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType

from vpr_ros.datatypes import Camera, Frame, Pose
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_images import image_entries
from vpr_ros.drives.bag_messages import camera_of, image_of, pose_of, stamp_of
from vpr_ros.drives.bag_mounts import RecordedCamera
from vpr_ros.drives.bag_topics import (
    POSE_TYPES,
    Topic,
    find_camera_topic,
    find_image_topic,
    find_pose_topic,
    named_topic,
)
from vpr_ros.drives.flaws import OnError, located, log_error
from vpr_ros.drives.tracks import pose_buffer
from vpr_ros.errors import DatasetError, VprError


class BagReader:
    """One bag, to be closed or used in a ``with`` block.

    Topics may be left out: an empty name means the only topic that fits.
    """

    def __init__(self, path: Path) -> None:
        """Open the bag's folder or its one storage file.

        Raises:
            DatasetError: nothing is there, it is no bag, or it is damaged.
        """
        self._file = BagFile(Path(path))

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the bag; safe to call twice."""
        self._file.close()

    @property
    def topics(self) -> dict[str, Topic]:
        """Name, type and number of messages of every topic, by name."""
        return dict(self._file.topics)

    def image_topic(self, name: str = "") -> Topic:
        """The image topic that is meant.

        Raises:
            DatasetError: there is none, it is of another type, or there are several.
        """
        try:
            return find_image_topic(self._file.topics, name)
        except DatasetError as error:
            raise located(error, str(self._file.path)) from None

    def pose_topic(self, name: str = "") -> Topic | None:
        """The pose topic that is meant; None if the name is empty and the bag has no poses.

        Raises:
            DatasetError: there is none of this name, it is of another type, or there are several.
        """
        try:
            return find_pose_topic(self._file.topics, name)
        except DatasetError as error:
            raise located(error, str(self._file.path)) from None

    def count(self, image_topic: str = "") -> int:
        """How many images ``frames`` goes through.

        Raises:
            DatasetError: as ``image_topic`` does.
        """
        return self.image_topic(image_topic).count

    def frames(
        self,
        image_topic: str = "",
        pose_topic: str | None = "",
        on_error: OnError = log_error,
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

    def stamps_and_poses(
        self,
        image_topic: str = "",
        pose_topic: str | None = "",
        on_error: OnError = log_error,
    ) -> Iterator[tuple[int, Pose | None]]:
        """Stamp and pose of every image that ``frames`` goes through; none is decoded.

        Raises:
            DatasetError: a topic cannot be found, or the bag is damaged.
        """
        images = self.image_topic(image_topic)
        poses = None if pose_topic is None else self.pose_topic(pose_topic)
        buffer = pose_buffer(self._track(poses, on_error) if poses else [])
        for entry in image_entries(self._file, images):
            yield entry.stamp_ns, buffer.at(entry.stamp_ns)

    def trajectory(self, topic: str, on_error: OnError = log_error) -> list[tuple[int, Pose]]:
        """(Stamp in nanoseconds, pose) of a pose topic, as ``judge.Truth`` takes it.

        Raises:
            DatasetError: there is no such topic, it is of another type, or the bag is damaged.
        """
        try:
            found = named_topic(self._file.topics, topic, POSE_TYPES)
        except DatasetError as error:
            raise located(error, str(self._file.path)) from None
        return self._track(found, on_error)

    def _frames(self, images: Topic, poses: Topic | None, on_error: OnError) -> Iterator[Frame]:
        # Poses first: the one after an image may be recorded later than the image.
        buffer = pose_buffer(self._track(poses, on_error) if poses else [])
        seen_in = cache(RecordedCamera(self._camera(images.name), self._file, on_error).seen_in)
        for log_ns, message in self._file.messages(images, on_error):
            stamp_ns = stamp_of(message, log_ns)
            try:
                image, pose = image_of(message), buffer.at(stamp_ns)
            except VprError as error:
                on_error(located(error, f"{images.name} at {stamp_ns} ns"))
                continue
            yield Frame(stamp_ns, image, pose, seen_in(str(message.header.frame_id)), images.name)

    def _track(self, topic: Topic, on_error: OnError) -> list[tuple[int, Pose]]:
        track = []
        for log_ns, message in self._file.messages(topic, on_error):
            stamp_ns = stamp_of(message, log_ns)
            try:
                track.append((stamp_ns, pose_of(message)))
            except VprError as error:
                on_error(located(error, f"{topic.name} at {stamp_ns} ns"))
        return track

    def _camera(self, image_topic: str) -> Camera | None:
        """The camera beside an image topic, as its first message describes it."""
        topic = find_camera_topic(self._file.topics, image_topic)
        messages = self._file.messages(topic, log_error) if topic else iter(())
        first = next(messages, None)
        return camera_of(first[1]) if first else None
