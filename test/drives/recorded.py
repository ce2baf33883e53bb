# SPDX-License-Identifier: Apache-2.0
"""Real bags, written for each test as a robot would record them."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

TYPESTORE = get_typestore(Stores.ROS2_HUMBLE)
START_NS = 1_700_000_000 * 10**9
STEP_NS = 200_000_000


def drawn(seed, height=60, width=80):
    """An image full of rectangles, RGB uint8 [H, W, 3]."""
    random = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.uint8)
    for _ in range(40):
        x, y = int(random.integers(width)), int(random.integers(height))
        color = tuple(int(value) for value in random.integers(0, 255, 3))
        cv2.rectangle(image, (x, y), (x + 15, y + 10), color, -1)
    return image


class Bags:
    """Writes bags below one folder; every method but write makes (topic, type, stamp, message)."""

    def __init__(self, folder):
        self.folder = folder

    def raw(self, topic, stamp_ns, image, encoding="rgb8"):
        height, width = image.shape[:2]
        data = image.reshape(-1)
        fields = (self._header(stamp_ns), height, width, encoding, 0, data.size // height, data)
        return self._message(topic, "sensor_msgs/msg/Image", stamp_ns, *fields)

    def jpeg(self, topic, stamp_ns, image, cut=0):
        data = cv2.imencode(".jpg", image[..., ::-1])[1].reshape(-1)
        fields = (self._header(stamp_ns), "jpeg", data[: len(data) - cut])
        return self._message(topic, "sensor_msgs/msg/CompressedImage", stamp_ns, *fields)

    def odometry(self, topic, stamp_ns, x, frame="odom", is_filled_in=True):
        make = TYPESTORE.types
        pose = self._pose(x)
        if not is_filled_in:
            pose.orientation.z = pose.orientation.w = 0.0
        pose = make["geometry_msgs/msg/PoseWithCovariance"](pose, np.zeros(36))
        zero = make["geometry_msgs/msg/Vector3"](0.0, 0.0, 0.0)
        twist = make["geometry_msgs/msg/Twist"](zero, zero)
        twist = make["geometry_msgs/msg/TwistWithCovariance"](twist, np.zeros(36))
        fields = (self._header(stamp_ns, frame), "base_link", pose, twist)
        return self._message(topic, "nav_msgs/msg/Odometry", stamp_ns, *fields)

    def pose(self, topic, stamp_ns, x):
        fields = (self._header(stamp_ns, "map"), self._pose(x))
        return self._message(topic, "geometry_msgs/msg/PoseStamped", stamp_ns, *fields)

    def pose_with_covariance(self, topic, stamp_ns, x):
        kind = "geometry_msgs/msg/PoseWithCovariance"
        pose = TYPESTORE.types[kind](self._pose(x), np.zeros(36))
        return self._message(topic, f"{kind}Stamped", stamp_ns, self._header(stamp_ns, "map"), pose)

    def fix(self, topic, stamp_ns, latitude, longitude, status=0):
        make = TYPESTORE.types
        state = make["sensor_msgs/msg/NavSatStatus"](status, 1)
        fields = (self._header(stamp_ns), state, latitude, longitude, 50.0, np.zeros(9), 0)
        return self._message(topic, "sensor_msgs/msg/NavSatFix", stamp_ns, *fields)

    def transforms(self, topic, stamp_ns, *transforms):
        """Each is (parent, child, (x, y, z), (qx, qy, qz, qw))."""
        make = TYPESTORE.types
        stamped = []
        for parent, child, position, orientation in transforms:
            moved = make["geometry_msgs/msg/Vector3"](*map(float, position))
            turned = make["geometry_msgs/msg/Quaternion"](*map(float, orientation))
            transform = make["geometry_msgs/msg/Transform"](moved, turned)
            header = self._header(stamp_ns, parent)
            stamped.append(make["geometry_msgs/msg/TransformStamped"](header, child, transform))
        return self._message(topic, "tf2_msgs/msg/TFMessage", stamp_ns, stamped)

    def camera(self, topic, stamp_ns, focal=100.0):
        region = TYPESTORE.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        k = np.array([focal, 0.0, 40.0, 0.0, focal, 30.0, 0.0, 0.0, 1.0])
        fields = (60, 80, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), np.zeros(12), 0, 0)
        header = self._header(stamp_ns)
        return self._message(topic, "sensor_msgs/msg/CameraInfo", stamp_ns, header, *fields, region)

    def drive(self, frames=6, kind="raw"):
        """A drive along x at 1 m per image, with odometry half a step apart from the images."""
        messages = [self.camera("/cam/camera_info", START_NS)]
        for index in range(frames):
            stamp_ns = START_NS + index * STEP_NS
            messages.append(getattr(self, kind)("/cam/image", stamp_ns, drawn(index)))
            messages.append(self.odometry("/odom", stamp_ns - STEP_NS // 2, index - 0.5))
        return messages

    def write(self, messages, storage="mcap", compression="none", log_times=None):
        """A new bag; messages are logged at their stamps or at the times given."""
        path = self.folder / f"bag{len(list(self.folder.iterdir()))}"
        plugin = StoragePlugin[storage.upper()]
        writer = Writer(path, version=9, storage_plugin=plugin)
        writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
        with writer:
            topics = {topic: kind for topic, kind, _, _ in messages}
            connections = {
                topic: writer.add_connection(topic, kind, typestore=TYPESTORE)
                for topic, kind in topics.items()
            }
            for index, (topic, _, stamp_ns, data) in enumerate(messages):
                log_ns = log_times[index] if log_times else stamp_ns
                writer.write(connections[topic], log_ns, data)
        return path

    def _message(self, topic, kind, stamp_ns, *fields):
        message = TYPESTORE.types[kind](*fields)
        return topic, kind, stamp_ns, bytes(TYPESTORE.serialize_cdr(message, kind))

    def _header(self, stamp_ns, frame="camera"):
        stamp = TYPESTORE.types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
        return TYPESTORE.types["std_msgs/msg/Header"](stamp, frame)

    def _pose(self, x):
        half = math.radians(15.0)
        point = TYPESTORE.types["geometry_msgs/msg/Point"](x, 2.0, 0.0)
        turn = TYPESTORE.types["geometry_msgs/msg/Quaternion"](0, 0, math.sin(half), math.cos(half))
        return TYPESTORE.types["geometry_msgs/msg/Pose"](point, turn)


@pytest.fixture
def bags(tmp_path) -> Bags:
    folder = Path(tmp_path / "bags")
    folder.mkdir()
    return Bags(folder)
