# SPDX-License-Identifier: Apache-2.0
"""What a node hears of its robot, and what it makes of an image message: a frame of the drive."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from nav_msgs.msg import Path as PathMessage
from rclpy.lifecycle import Node as LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from vpr_ros.config import LOCALIZE, MAP, NodeConfig
from vpr_ros.datatypes import Frame, Pose
from vpr_ros.nodes.camera_inputs import CameraInput, camera_inputs
from vpr_ros.nodes.conversions import image_from_message, stamp_to_ns
from vpr_ros.nodes.image_subscription import ImageSubscription
from vpr_ros.nodes.missed_poses import MissedPoses
from vpr_ros.nodes.offered_subscription import OfferedSubscription
from vpr_ros.nodes.pose_feed import POSE_SOURCES, PoseFeed
from vpr_ros.nodes.statistics import FrameStatistics
from vpr_ros.nodes.tf.camera_mounts import CameraMounts
from vpr_ros.nodes.tf.tf_poses import TfPoses
from vpr_ros.nodes.topic_states import InputState, TopicState
from vpr_ros.nodes.waiting_frames import WaitingFrames

_POSE_REMEDY = "set reliability: auto, and let the poses be published reliably"


@dataclass(frozen=True)
class ImageMessage:
    """An image on its way to the worker."""

    message: Image | CompressedImage
    arrival: float  # seconds, monotonic clock
    camera: CameraInput

    @property
    def stamp_ns(self) -> int:
        """The image's stamp."""
        return stamp_to_ns(self.message.header.stamp)


class Inputs:
    """The topics that a node listens to while it is active; poses outlive a change of maps."""

    def __init__(self, node: LifecycleNode, config: NodeConfig) -> None:
        """Listen to nothing yet but the robot's fixed transforms.

        Raises:
            ConfigError: the cameras that the settings list cannot be.
        """
        self.cameras = camera_inputs(config)
        self.mounts = CameraMounts(node, config.tf.base_frame)
        self._node, self._config = node, config
        self._wake: Callable[[], None] = lambda: None  # those who wait for a pose
        self._poses: PoseFeed | TfPoses = PoseFeed(config.pose_gap, self._pose_arrived)
        self._images: dict[str, ImageSubscription] = {}  # by the camera's topic
        self._subscriptions: list[OfferedSubscription] = []
        self._hearing_poses: OfferedSubscription | None = None
        self._missed = MissedPoses()
        self._poses_are_sent = False  # at the last image
        self._since = 0.0  # when it began to listen, seconds of the monotonic clock

    @property
    def hears_poses(self) -> bool:
        """Keyframes take any pose; a sequence filter and a broadcast take odometry alone."""
        config = self._config
        moved_by = config.sequence.mode != "off" or config.tf.broadcast
        learns = config.mode != LOCALIZE
        return config.pose_type != "none" and (learns or (moved_by and config.has_odometry))

    def start(
        self,
        take_image: Callable[[ImageMessage], None],
        take_path: Callable[[PathMessage], None],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Listen to what the mode wants to know of the robot.

        Args:
            take_image: called with each image.
            take_path: called with each corrected trajectory.
            wake: called after each pose, for the images of ``waiting``.

        Raises:
            ConfigError: poses are to come from TF, and tf2_ros is not installed.
        """
        self._since = time.monotonic()
        self._wake = wake
        if self.hears_poses:
            self._hear_poses()
        # To localize, a pose cannot be measured without.
        for camera in self.cameras:
            topic = self._node.resolve_topic_name(camera.topic)
            for name in camera.info_names(self._node):
                self._listen(CameraInfo, name, partial(camera.take_info, images=topic))
        if self._config.mode != LOCALIZE:
            self._listen(PathMessage, "corrected_path", take_path)
        transport, reliability = self._config.image_transport, self._config.reliability
        for camera in self.cameras:
            take = partial(self._take, take_image, camera)
            images = ImageSubscription(self._node, camera, transport, reliability, take)
            self._images[camera.topic] = images

    def stop(self) -> None:
        """Listen no more; frames that wait for their turn still find the poses so far."""
        while self._images:
            self._images.popitem()[1].stop()
        while self._subscriptions:
            self._subscriptions.pop().stop()
        self._hearing_poses = None

    def close(self) -> None:
        """Leave nothing of it in the ROS graph."""
        self.stop()
        self.leave_tf()
        self.mounts.close()

    def leave_tf(self) -> None:
        """Forget what TF said of the robot, once no frame asks for it any more."""
        if isinstance(self._poses, TfPoses):
            self._poses.close()
            self._poses = PoseFeed(self._config.pose_gap, self._pose_arrived)

    def pose_at(self, stamp_ns: int, timeout: float) -> Pose | None:
        """The robot's pose at a stamp, waiting up to ``timeout`` seconds for it."""
        return self._poses.at(stamp_ns, timeout)

    def waiting(self) -> WaitingFrames[ImageMessage] | None:
        """The line of images that may wait for their poses; None where answers are waited for.

        Keyframes without poses are of little use, and nobody waits for them; who localizes wants
        the answer to what the robot sees now.
        """
        if self._config.mode != MAP or not self.hears_poses:
            return None
        limit = self._config.pose_wait_images
        return WaitingFrames(
            lambda image: self._poses.reaches(image.stamp_ns), self._seconds_left, limit
        )

    def frame(self, image: ImageMessage) -> tuple[Frame, dict[str, float]]:
        """The frame of an image, with the seconds that it took to wait for its turn and its pose.

        Raises:
            ImageError: the image cannot be decoded.
        """
        start = time.monotonic()
        pixels = image_from_message(image.message)
        decoded = time.monotonic()
        timings_s = {"wait": start - image.arrival, "decode": decoded - start}
        pose = None
        if self.hears_poses:
            has_waited = self._config.mode == MAP
            timeout = 0.0 if has_waited else self._config.pose_timeout
            pose = self._poses.at(image.stamp_ns, timeout)
            self._missed.note(self._poses.why_not(image.stamp_ns) if pose is None else None)
            timings_s["pose"] = time.monotonic() - decoded
        camera = image.camera.seen_in(image.message.header.frame_id, self.mounts)
        return Frame(image.stamp_ns, pixels, pose, camera, image.camera.topic), timings_s

    def state(self, statistics: FrameStatistics, active: bool, refused: str) -> InputState:
        """What is known of the topics, with what the node knows of itself."""
        topics = tuple(self._topic(camera, statistics) for camera in self.cameras)
        if not self.hears_poses:
            return InputState(topics, active, refused, self._since)
        cause, words = self._missed.said(self._poses.refused, self._poses.last_error)
        poses = self._pose_topic()
        return InputState(topics, active, refused, self._since, poses, words, cause)

    def publishers(self) -> dict[str, int]:
        """How many publish each image topic, by its full name."""
        names = map(self._name_of, self.cameras)
        return {name: self._node.count_publishers(name) for name in names}

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        images = [images.facts() for images in self._images.values()]
        facts = {key: text for one in images for key, text in one.items()}
        if not self.hears_poses:
            return facts
        return {
            **facts,
            "pose source": self._config.pose_type,
            "poses refused": str(self._poses.refused),
            "last pose error": self._poses.last_error,
            "frames without pose": str(self._missed.count),
        }

    def _pose_arrived(self) -> None:
        self._wake()

    def _seconds_left(self, image: ImageMessage) -> float:
        """That an image may still wait: only poses that somebody sends may come late."""
        config = self._config
        longest = config.pose_timeout
        if self._poses_are_sent:
            longest = max(longest, config.pose_wait)
        return image.arrival + longest - time.monotonic()

    def _name_of(self, camera: CameraInput) -> str:
        name = camera.images_name(self._node, self._config.image_transport)
        return str(self._node.resolve_topic_name(name))

    def _topic(self, camera: CameraInput, statistics: FrameStatistics) -> TopicState:
        name = self._name_of(camera)
        known = name, self._node.count_publishers(name), statistics.last_arrival(camera.topic)
        images = self._images.get(camera.topic)
        return (
            TopicState(*known)
            if images is None
            else TopicState(*known, images.lost, images.remedy(), images.unheard)
        )

    def _pose_topic(self) -> TopicState | None:
        heard, feed = self._hearing_poses, self._poses
        if heard is None or not isinstance(feed, PoseFeed):
            return None
        publishers = self._node.count_publishers(heard.topic)
        counts = heard.lost or 0, _POSE_REMEDY, heard.unheard
        return TopicState(heard.topic, publishers, feed.last_arrival, *counts, kind="pose")

    def _hear_poses(self) -> None:
        if self._config.pose_type == "tf":
            self._poses = TfPoses(self._node, self._config, self._pose_arrived)
            return
        topic, kind = POSE_SOURCES[self._config.pose_type]
        feed = self._poses
        if isinstance(feed, PoseFeed):
            self._hearing_poses = self._listen(kind, topic, feed.take)

    def _take(
        self,
        take_image: Callable[[ImageMessage], None],
        camera: CameraInput,
        message: Image | CompressedImage,
    ) -> None:
        heard = self._hearing_poses
        sent = heard is None or self._node.count_publishers(heard.topic) > 0
        self._poses_are_sent = self.hears_poses and sent
        take_image(ImageMessage(message, time.monotonic(), camera))

    def _listen(
        self, kind: type, topic: str, callback: Callable[[Any], None]
    ) -> OfferedSubscription:
        reliability = self._config.reliability
        subscription = OfferedSubscription(self._node, kind, topic, callback, reliability)
        self._subscriptions.append(subscription)
        return subscription
