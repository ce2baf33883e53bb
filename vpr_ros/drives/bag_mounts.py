# SPDX-License-Identifier: Apache-2.0
"""Where the cameras of a recorded robot sit, as its /tf_static tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vpr_ros.config import TfConfig
from vpr_ros.datatypes import Camera
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.drives.bag_messages import pose_from_parts
from vpr_ros.drives.flaws import OnError, located
from vpr_ros.errors import VprError
from vpr_ros.geometry.fixed_frames import FixedFrames, as_mount
from vpr_ros.geometry.transforms import RigidTransform

_TYPE, _TOPIC = "tf2_msgs/msg/TFMessage", "tf_static"


class RecordedCamera:
    """A camera of a bag; the robot's base is the frame that nodes take it for unless told."""

    def __init__(self, camera: Camera | None, file: BagFile, on_error: OnError) -> None:
        """Read the fixed frames.

        Args:
            camera: what its CameraInfo tells.
            file: an open bag.
            on_error: told of transforms that cannot be, which are left out.
        """
        self._camera = camera
        self._frames = recorded_frames(file, on_error)

    def seen_in(self, frame_id: str) -> Camera | None:
        """The camera as an image's header names it, and in its place, where that is known."""
        if not frame_id:
            return self._camera
        base_T_camera = self._frames.camera_on(TfConfig.base_frame, frame_id)
        mount = None if base_T_camera is None else as_mount(base_T_camera)
        return replace(self._camera or Camera(), frame_id=frame_id, mount=mount)


def recorded_frames(file: BagFile, on_error: OnError) -> FixedFrames:
    """The fixed frames of a bag, of every robot in it.

    Args:
        file: an open bag.
        on_error: told of transforms that cannot be, or cannot be read; they are left out.
    """
    frames = FixedFrames()
    for topic in file.topics.values():
        if topic.type != _TYPE or not topic.name.endswith(_TOPIC):
            continue
        try:
            for log_ns, message in file.messages(topic, on_error):
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
