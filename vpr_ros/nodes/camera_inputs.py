# SPDX-License-Identifier: Apache-2.0
"""The cameras that a node listens to: topics, places on the robot, intrinsics."""

from __future__ import annotations

from dataclasses import replace

from sensor_msgs.msg import CameraInfo

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Camera, Pose
from vpr_ros.errors import ConfigError
from vpr_ros.nodes.conversions import camera_from_message
from vpr_ros.nodes.tf.camera_mounts import CameraMounts
from vpr_ros.route.mounts import parse_mount

_ONLY = "image"  # the topic of a robot's only camera


class CameraInput:
    """One camera; what is known of it grows when its CameraInfo arrives."""

    def __init__(self, topic: str, camera: Camera | None = None) -> None:
        self.topic = topic
        self.camera = camera
        self._configured = self.mount

    @property
    def mount(self) -> Pose | None:
        """``base_T_optical``, None where it is not known."""
        return None if self.camera is None else self.camera.mount

    @property
    def info_topic(self) -> str:
        """Where the intrinsics are published: beside the images, as image_transport has it."""
        head, slash, _ = self.topic.rpartition("/")
        return f"{head}{slash}camera_info"

    def take_info(self, message: CameraInfo) -> None:
        """Subscription callback."""
        before, told = self.camera or Camera(), camera_from_message(message)
        self.camera = replace(told, name=before.name, mount=before.mount, frame_id=before.frame_id)

    def complete(self, frame_id: str, mounts: CameraMounts) -> None:
        """Add what an image's header and /tf_static tell of the camera: its frame and its mount."""
        before, mount = self.camera or Camera(), mounts.mount(frame_id, self._configured)
        if (frame_id, mount) != (before.frame_id, before.mount):
            self.camera = replace(before, frame_id=frame_id, mount=mount)


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
