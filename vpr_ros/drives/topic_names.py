# SPDX-License-Identifier: Apache-2.0
"""What image_transport calls the topics around a camera, live and in bags."""

from __future__ import annotations

_COMPRESSED = "/compressed"


def is_compressed(topic: str) -> bool:
    """Whether a topic is named as one of sensor_msgs/CompressedImage."""
    return topic.endswith(_COMPRESSED)


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
