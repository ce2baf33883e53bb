# SPDX-License-Identifier: Apache-2.0
"""The cameras that a node listens to: topics, places on the robot, intrinsics."""

from __future__ import annotations

from dataclasses import replace

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Camera, Pose
from vpr_ros.drives.bag_messages import camera_of
from vpr_ros.drives.topics import camera_info_topics, is_rectified, transport_topic
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.tf.camera_mounts import CameraMounts
from vpr_ros.route.mounts import parse_mount

_ONLY = "image"  # the topic of a robot's only camera


class CameraInput:
    """One camera; what is known of it grows when its CameraInfo arrives."""

    def __init__(self, topic: str, camera: Camera | None = None) -> None:
        self.topic = topic
        self.camera = camera

    @property
    def mount(self) -> Pose | None:
        """``base_T_optical`` by the settings, None where they do not tell."""
        return None if self.camera is None else self.camera.mount

    def images_name(self, node: Node, transport: str) -> str:
        """What to subscribe to for its images, given as ``raw`` or ``compressed``.

        Rules that remap the base topic hold for the transports beside it, too.
        """
        base = node.resolve_topic_name(self.topic)
        name = transport_topic(base, transport)
        return self.topic if name == base else name

    def info_names(self, node: Node) -> list[str]:
        """What to subscribe to for its intrinsics: beside its images, if not remapped apart."""
        for own in camera_info_topics(self.topic):
            if node.resolve_topic_name(own) != node.resolve_topic_name(own, only_expand=True):
                return [own]
        return camera_info_topics(node.resolve_topic_name(self.topic))

    def seen_in(self, frame_id: str, mounts: CameraMounts) -> Camera | None:
        """The camera as an image's header names it, and in its place, where that is known."""
        if not frame_id:
            return self.camera
        mount = mounts.mount(frame_id, self.mount)
        return replace(self.camera or Camera(), frame_id=frame_id, mount=mount)

    def take_info(self, message: CameraInfo, images: str = "") -> None:
        """Take what describes the camera; one that is not calibrated tells nothing.

        Args:
            message: beside its images.
            images: their topic with all remappings, which tells whether they are rectified.
        """
        calibrated = camera_of(message, is_rectified(images or self.topic))
        if calibrated is not None:
            before = self.camera or Camera()
            self.camera = replace(calibrated, name=before.name, mount=before.mount)


def camera_inputs(config: NodeConfig) -> list[CameraInput]:
    """The cameras that the setting ``cameras`` lists; the topic ``image`` if it lists none.

    Raises:
        ConfigError: an entry names no topic, one that is listed already, or no place; or the
            sequence filter follows one camera only.
    """
    if len(config.cameras) > 1 and config.sequence.mode == "seqslam":
        raise ConfigError("sequence.mode = seqslam follows one camera: take filter for several")
    if not config.cameras:
        return [CameraInput(_ONLY)]
    cameras: dict[str, CameraInput] = {}
    for entry in config.cameras:
        topic, _, mount = entry.strip().partition(" ")
        if not topic or topic in cameras:
            raise ConfigError(f"cameras: {entry!r} names no topic, or one that is listed already")
        try:
            cameras[topic] = CameraInput(topic, Camera(name=topic, mount=parse_mount(mount)))
        except ConfigError as error:
            raise ConfigError(f"cameras: {topic}: {error}") from None
    return list(cameras.values())
