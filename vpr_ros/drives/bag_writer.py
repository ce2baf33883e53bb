# SPDX-License-Identifier: Apache-2.0
"""Writing a rosbag2 without ROS, in MCAP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vpr_ros.drives.flaws import needs_rosbags

if TYPE_CHECKING:
    from rosbags.rosbag2 import Writer

BAG_VERSION: Literal[8] = 8
"""The newest metadata that the oldest supported ROS 2 reads."""


@contextmanager
def new_bag(path: Path, topics: Mapping[str, str]) -> Iterator[BagWriter]:
    """A new bag that is complete once the context ends without an error.

    Args:
        path: its folder, which must not exist.
        topics: name -> type, as in "sensor_msgs/msg/Image".

    Raises:
        ConfigError: rosbags is not installed.
    """
    with needs_rosbags():
        from rosbags.rosbag2 import StoragePlugin, Writer
    with Writer(path, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP) as writer:
        yield BagWriter(writer, topics)


class BagWriter:
    """Makes messages and writes them to the topics of an open bag."""

    def __init__(self, writer: Writer, topics: Mapping[str, str]) -> None:
        from rosbags.typesys import Stores, get_typestore

        self._writer = writer
        self._store = get_typestore(Stores.ROS2_HUMBLE)
        self._types = dict(topics)
        self._connections = {
            topic: writer.add_connection(topic, kind, typestore=self._store)
            for topic, kind in topics.items()
        }

    def make(self, kind: str, **fields: Any) -> Any:
        """A message, or a part of one, of a type as in "geometry_msgs/msg/Pose"."""
        return self._store.types[kind](**fields)

    def write(self, topic: str, log_ns: int, **fields: Any) -> None:
        """Write a message with these fields, recorded at a time in nanoseconds."""
        kind = self._types[topic]
        raw = self._store.serialize_cdr(self.make(kind, **fields), kind)
        self._writer.write(self._connections[topic], log_ns, raw)
