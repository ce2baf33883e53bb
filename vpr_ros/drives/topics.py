# SPDX-License-Identifier: Apache-2.0
"""Topics: which one of a bag is meant, and what image_transport calls those around a camera."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vpr_ros.errors import DatasetError

IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
CAMERA_TYPE = "sensor_msgs/msg/CameraInfo"
ODOMETRY_TYPE = "nav_msgs/msg/Odometry"
POSE_TYPES = (
    ODOMETRY_TYPE,
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
)
# Poses under these names do not say where the robot believes to be.
_NOT_ODOMETRY = ("ground_truth", "goal", "initialpose")
_NOT_VIEWS = ("compressedDepth",)
_COMPRESSED = "/compressed"


@dataclass(frozen=True)
class Topic:
    """One topic of a bag."""

    name: str
    type: str  # as in "sensor_msgs/msg/Image"
    count: int  # messages


def find_image_topic(topics: Mapping[str, Topic], name: str) -> Topic:
    """The image topic of this name, or the only one if the name is empty.

    Raises:
        DatasetError: there is none, it is something else, or there are several.
    """
    if name:
        return named_topic(topics, name, IMAGE_TYPES)
    found = _filled(topics, IMAGE_TYPES, _NOT_VIEWS)
    if not found:
        raise DatasetError(f"no image topic; the bag holds {listed(topics.values())}")
    return _only(found, "image", "--image-topic")


def find_pose_topic(topics: Mapping[str, Topic], name: str) -> Topic | None:
    """The pose topic of this name, or the only one if the name is empty; odometry comes first.

    Returns:
        None where the name is empty and nothing fits: the drive has no poses.

    Raises:
        DatasetError: there is none of this name, it is something else, or there are several.
    """
    if name:
        return named_topic(topics, name, POSE_TYPES)
    found = _filled(topics, (ODOMETRY_TYPE,), _NOT_ODOMETRY)
    found = found or _filled(topics, POSE_TYPES, _NOT_ODOMETRY)
    return _only(found, "pose", "--pose-topic") if found else None


def find_camera_topic(topics: Mapping[str, Topic], image_topic: str) -> Topic | None:
    """The camera_info beside an image topic, where image_transport publishes it."""
    beside = (topics.get(name) for name in camera_info_topics(image_topic))
    return next((topic for topic in beside if topic and topic.type == CAMERA_TYPE), None)


def named_topic(topics: Mapping[str, Topic], name: str, types: Collection[str]) -> Topic:
    """The topic of this name; DatasetError if there is none, or it is of another type."""
    topic = topics.get(name) or topics.get("/" + name)
    if topic is None:
        raise DatasetError(f"no topic {name}; the bag holds {listed(topics.values())}")
    if topic.type not in types:
        raise DatasetError(f"{name} is a {topic.type}, not one of {', '.join(types)}")
    return topic


def listed(topics: Collection[Topic]) -> str:
    """The topics with type and count, as an error names them."""
    each = (f"{topic.name} ({topic.count} of {topic.type})" for topic in topics)
    return ", ".join(each) or "no topics"


def _filled(
    topics: Mapping[str, Topic], types: Collection[str], without: Collection[str]
) -> list[Topic]:
    """The topics of these types that hold messages and have none of these words in their name."""
    return [
        topic
        for topic in topics.values()
        if topic.type in types and topic.count and not any(word in topic.name for word in without)
    ]


def _only(found: list[Topic], kind: str, option: str) -> Topic:
    if len(found) > 1:
        raise DatasetError(f"several {kind} topics: {listed(found)}: choose one with {option}")
    return found[0]


def is_compressed(topic: str) -> bool:
    """Whether a topic is named as one of sensor_msgs/CompressedImage."""
    return topic.endswith(_COMPRESSED)


def is_rectified(topic: str) -> bool:
    """Whether a topic is named as image_proc and drivers name rectified images.

    ``image_rect``, ``image_rect_color``, ``image_rect_raw`` and the transports below them.
    """
    return any(part.startswith("image_rect") for part in topic.split("/"))


def transport_topic(topic: str, transport: str) -> str:
    """Where the images of a camera are: beside its base topic, under the transport's name.

    Args:
        topic: the base topic, as ``/camera/image_raw``, or what already names its transport.
        transport: ``raw`` or ``compressed``.
    """
    is_named = transport == "raw" or is_compressed(topic)
    return topic if is_named else topic + _COMPRESSED


def camera_info_topics(image_topic: str) -> list[str]:
    """Where the intrinsics may be: beside the base topic, or beside a topic that is its own base.

    image_transport has ``/camera/camera_info`` for ``/camera/image_raw`` and all its transports;
    some drivers call their only images ``/camera/compressed``.
    """
    heads = [
        name.rpartition("/")[:2] for name in (image_topic.removesuffix(_COMPRESSED), image_topic)
    ]
    return list(dict.fromkeys(f"{head}{slash}camera_info" for head, slash in heads))
