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
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from vpr_ros.config import LOCALIZE, NodeConfig
from vpr_ros.datatypes import Frame, Pose
from vpr_ros.nodes.camera_inputs import CameraInput, camera_inputs
from vpr_ros.nodes.conversions import image_from_message, stamp_to_ns
from vpr_ros.nodes.diagnostics import TopicState
from vpr_ros.nodes.pose_feed import POSE_SOURCES, PoseFeed
from vpr_ros.nodes.statistics import FrameStatistics
from vpr_ros.nodes.tf.camera_mounts import CameraMounts
from vpr_ros.nodes.tf.tf_poses import TfPoses

# The worker keeps only the newest frame and counts the others; a queue a little deeper than one
# lets it count them, where DDS would lose them without a word.
_QUEUE_DEPTH = 5


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
        self._poses: PoseFeed | TfPoses = PoseFeed(config.pose_gap)
        self._subscriptions: list[Any] = []
        self._without_pose = 0

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
    ) -> None:
        """Listen to what the mode wants to know of the robot.

        Raises:
            ConfigError: poses are to come from TF, and tf2_ros is not installed.
        """
        if self.hears_poses:
            self._hear_poses()
        if self._config.mode != LOCALIZE:
            for camera in self.cameras:
                self._listen(CameraInfo, camera.info_topic, camera.take_info)
            self._listen(PathMessage, "corrected_path", take_path)
        kind = CompressedImage if self._config.image_transport == "compressed" else Image
        for camera in self.cameras:
            self._listen(kind, camera.topic, partial(self._take, take_image, camera))

    def stop(self) -> None:
        """Listen no more; frames that wait for their turn still find the poses so far."""
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def close(self) -> None:
        """Leave nothing of it in the ROS graph."""
        self.stop()
        self.leave_tf()
        self.mounts.close()

    def leave_tf(self) -> None:
        """Forget what TF said of the robot, once no frame asks for it any more."""
        if isinstance(self._poses, TfPoses):
            self._poses.close()
            self._poses = PoseFeed(self._config.pose_gap)

    def pose_at(self, stamp_ns: int, timeout: float) -> Pose | None:
        """The robot's pose at a stamp, waiting up to ``timeout`` seconds for it."""
        return self._poses.at(stamp_ns, timeout)

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
            pose = self._poses.at(image.stamp_ns, self._config.pose_timeout)
            self._without_pose += pose is None
            timings_s["pose"] = time.monotonic() - decoded
        camera = image.camera
        return Frame(image.stamp_ns, pixels, pose, camera.camera, camera.topic), timings_s

    def topics(self, statistics: FrameStatistics) -> tuple[TopicState, ...]:
        """What is known of the image topics."""
        return tuple(
            TopicState(name, publishers, statistics.last_arrival(camera.topic))
            for camera, (name, publishers) in zip(
                self.cameras, self.publishers().items(), strict=True
            )
        )

    def publishers(self) -> dict[str, int]:
        """How many publish each image topic, by its full name."""
        names = (self._node.resolve_topic_name(camera.topic) for camera in self.cameras)
        return {name: self._node.count_publishers(name) for name in names}

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        if not self.hears_poses:
            return {}
        return {
            "pose source": self._config.pose_type,
            "poses refused": str(self._poses.refused),
            "last pose error": self._poses.last_error,
            "frames without pose": str(self._without_pose),
        }

    def _hear_poses(self) -> None:
        if self._config.pose_type == "tf":
            self._poses = TfPoses(self._node, self._config)
            return
        topic, kind = POSE_SOURCES[self._config.pose_type]
        feed = self._poses
        if isinstance(feed, PoseFeed):
            self._listen(kind, topic, feed.take)

    def _take(
        self,
        take_image: Callable[[ImageMessage], None],
        camera: CameraInput,
        message: Image | CompressedImage,
    ) -> None:
        camera.complete(message.header.frame_id, self.mounts)
        take_image(ImageMessage(message, time.monotonic(), camera))

    def _listen(self, kind: type, topic: str, callback: Callable[[Any], None]) -> None:
        reliability = QoSReliabilityPolicy[self._config.reliability.upper()]
        qos = QoSProfile(depth=_QUEUE_DEPTH, reliability=reliability)
        self._subscriptions.append(self._node.create_subscription(kind, topic, callback, qos))
