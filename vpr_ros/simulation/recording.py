# SPDX-License-Identifier: Apache-2.0
"""Writing a lap as a rosbag2: the topics of a real car with a camera, and the ground truth."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

from vpr_ros.drives.bag_writer import BagWriter
from vpr_ros.simulation.camera import Camera
from vpr_ros.simulation.geometry import Image

IMAGE_TOPIC = "/camera/image_raw/compressed"
INFO_TOPIC = "/camera/camera_info"
ODOMETRY_TOPIC = "/odom"
TRUTH_TOPIC = "/ground_truth/pose"
CAMERA_FRAME, ODOM_FRAME, BODY_FRAME, MAP_FRAME = "camera", "odom", "base_link", "map"
TOPICS = {
    IMAGE_TOPIC: "sensor_msgs/msg/CompressedImage",
    INFO_TOPIC: "sensor_msgs/msg/CameraInfo",
    ODOMETRY_TOPIC: "nav_msgs/msg/Odometry",
    TRUTH_TOPIC: "geometry_msgs/msg/PoseStamped",
}
SECOND_NS = 1_000_000_000


class PlanarPose(NamedTuple):
    """A pose that turns about the vertical only: meters and radians."""

    x: float
    y: float
    z: float
    heading: float


class Motion(NamedTuple):
    """Speed of the body: ahead and left in meters, turning in radians, per second."""

    ahead: float
    left: float
    turning: float


class BagRecorder:
    """Turns images and poses into messages of an open bag."""

    def __init__(self, bag: BagWriter) -> None:
        self._make, self._write = bag.make, bag.write

    def image(self, stamp_ns: int, image: Image, quality: int) -> None:
        """Write an RGB image, JPEG-compressed."""
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        header = self._header(stamp_ns, CAMERA_FRAME)
        self._write(IMAGE_TOPIC, stamp_ns, header=header, format="jpeg", data=jpeg.reshape(-1))

    def camera_info(self, stamp_ns: int, camera: Camera) -> None:
        """Write the intrinsics."""
        k = camera.matrix
        region = self._make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        self._write(
            INFO_TOPIC, stamp_ns,
            header=self._header(stamp_ns, CAMERA_FRAME),
            height=camera.height, width=camera.width,
            distortion_model="plumb_bob", d=np.zeros(5), k=k.reshape(-1), r=np.eye(3).reshape(-1),
            p=np.hstack([k, np.zeros((3, 1))]).reshape(-1),
            binning_x=0, binning_y=0, roi=region,
        )  # fmt: skip

    def ground_truth(self, stamp_ns: int, pose: PlanarPose) -> None:
        """Write the true pose of base_link in the map frame."""
        header = self._header(stamp_ns, MAP_FRAME)
        self._write(TRUTH_TOPIC, stamp_ns, header=header, pose=self._pose(pose))

    def odometry(self, stamp_ns: int, pose: PlanarPose, motion: Motion) -> None:
        """Write what odometry reports; zero covariances say that it does not know its errors."""
        linear, angular = (motion.ahead, motion.left, 0.0), (0.0, 0.0, motion.turning)
        twist = self._make(
            "geometry_msgs/msg/Twist", linear=self._vector(*linear), angular=self._vector(*angular)
        )
        self._write(
            ODOMETRY_TOPIC, stamp_ns,
            header=self._header(stamp_ns, ODOM_FRAME),
            child_frame_id=BODY_FRAME,
            pose=self._uncertain("Pose", pose=self._pose(pose)),
            twist=self._uncertain("Twist", twist=twist),
        )  # fmt: skip

    def _pose(self, pose: PlanarPose) -> Any:
        half = pose.heading / 2
        position = self._make("geometry_msgs/msg/Point", x=pose.x, y=pose.y, z=pose.z)
        turn = self._make(
            "geometry_msgs/msg/Quaternion",
            x=0.0, y=0.0, z=float(np.sin(half)), w=float(np.cos(half)),
        )  # fmt: skip
        return self._make("geometry_msgs/msg/Pose", position=position, orientation=turn)

    def _vector(self, x: float, y: float, z: float) -> Any:
        return self._make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)

    def _uncertain(self, kind: str, **fields: Any) -> Any:
        name = f"geometry_msgs/msg/{kind}WithCovariance"
        return self._make(name, covariance=np.zeros(36), **fields)

    def _header(self, stamp_ns: int, frame: str) -> Any:
        seconds, rest = divmod(stamp_ns, SECOND_NS)
        stamp = self._make("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
        return self._make("std_msgs/msg/Header", stamp=stamp, frame_id=frame)
