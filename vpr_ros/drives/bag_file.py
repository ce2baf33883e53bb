# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 recording (mcap or sqlite3, compressed or not) as topics and messages, without ROS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpr_ros.drives.flaws import OnError, located, needs_rosbags
from vpr_ros.drives.topics import Topic
from vpr_ros.errors import DatasetError

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rosbags.typesys.store import Typestore

STORAGE_SUFFIXES = (".mcap", ".db3")
_IDL_RULE = "=" * 80 + "\n"


def is_bag(path: Path) -> bool:
    """Whether a path looks like a bag: its folder, or its one storage file."""
    if path.is_dir():
        return (path / "metadata.yaml").exists() or bool(_storage_files(path))
    return path.suffix in (*STORAGE_SUFFIXES, ".bag")


class BagFile:
    """An open bag. Every flaw of the file becomes a DatasetError that names it."""

    def __init__(self, path: Path) -> None:
        """Open the bag.

        Raises:
            DatasetError: nothing is there, it is no bag, or it is damaged.
            ConfigError: rosbags is not installed.
        """
        self.path = path
        with needs_rosbags():
            from rosbags.rosbag2 import Reader
        try:
            self._reader = Reader(_storage(path))
            self._reader.open()
        except DatasetError:
            raise
        except Exception as error:  # rosbags raises whatever it trips over in damaged bytes
            raise self._damaged(error) from error
        # Several publishers with different QoS are several connections of one topic.
        self.topics = {
            name: Topic(name, info.msgtype or "mixture of types", info.msgcount)
            for name, info in self._reader.topics.items()
        }
        self.span_ns = (self._reader.start_time, self._reader.end_time)  # when it was recorded

    def close(self) -> None:
        """Close the bag; safe to call twice."""
        if self._reader.is_open:
            self._reader.close()

    def messages(self, topic: Topic, on_error: OnError) -> Iterator[tuple[int, Any]]:
        """(Time of recording in nanoseconds, message) of one topic.

        Args:
            topic: one of ``topics``.
            on_error: told of messages that cannot be deserialized, which are skipped.

        Raises:
            DatasetError: the bag is closed or damaged.
        """
        decode = self.decoder(topic)
        for log_ns, data in self.raw_messages(topic):
            try:
                message = decode(data)
            except DatasetError as error:
                on_error(located(error, f"{topic.name} at {log_ns} ns"))
                continue
            yield log_ns, message

    def raw_messages(
        self, topic: Topic, start_ns: int | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """(Time of recording in nanoseconds, serialized message) of a topic, as ``recording``."""
        for _, log_ns, data in self.recording([topic.name], start_ns):
            yield log_ns, data

    def recording(
        self, topics: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[tuple[str, int, bytes]]:
        """(Topic, time of recording in nanoseconds, serialized message) in the order of recording.

        Args:
            topics: names.
            start_ns: begin with what was recorded at this time or later; what was before is not
                read from the disk where the bag has an index.
            stop_ns: end before what was recorded at this time or later.

        Raises:
            DatasetError: the bag is closed or damaged.
        """
        connections = self._connections(topics)
        try:
            # Without a connection rosbags would read all topics.
            messages = self._reader.messages(connections, start_ns, stop_ns) if connections else ()
            for connection, log_ns, data in messages:
                yield connection.topic, log_ns, data
        except Exception as error:  # as above
            raise self._damaged(error) from error

    def offered(self, topic: Topic) -> tuple[int, bool]:
        """What the recorded publishers of a topic offered together.

        Returns:
            Depth of their queues; whether late subscribers got old messages (transient local).
        """
        from rosbags.interfaces import ConnectionExtRosbag2, QosDurability

        offers = [
            offer
            for connection in self._connections([topic.name])
            if isinstance(connection.ext, ConnectionExtRosbag2)
            for offer in connection.ext.offered_qos_profiles
        ]
        is_latched = any(offer.durability == QosDurability.TRANSIENT_LOCAL for offer in offers)
        return sum(offer.depth for offer in offers), is_latched

    def decoder(self, topic: Topic) -> Callable[[bytes], Any]:
        """What turns serialized messages of a topic into messages; DatasetError where it cannot."""
        typestore = self._typestore(self._connections([topic.name]))

        def decode(data: bytes) -> Any:
            try:
                return typestore.deserialize_cdr(data, topic.type)
            except Exception as error:  # as above
                raise DatasetError(f"not a {topic.type}: {error}") from error

        return decode

    def _connections(self, topics: Collection[str]) -> list[Connection]:
        if not self._reader.is_open:
            raise DatasetError(f"{self.path}: closed: read the bag inside its with block")
        return [each for each in self._reader.connections if each.topic in topics]

    def _typestore(self, connections: list[Connection]) -> Typestore:
        """The bag's own definitions, or those of Humble: older bags carry none.

        Only what is read is defined: other topics may have definitions that do not parse.
        """
        from rosbags.typesys import Stores, get_typestore

        try:
            own = {name: each for one in connections for name, each in _definitions(one).items()}
            typestore = get_typestore(Stores.EMPTY if own else Stores.ROS2_HUMBLE)
            typestore.register(own)
        except Exception as error:  # as above
            raise self._damaged(error) from error
        return typestore

    def _damaged(self, error: Exception) -> DatasetError:
        said = " ".join(str(error).split()) or type(error).__name__
        return DatasetError(
            f"{self.path}: not a rosbag2, or damaged: {said} (a recording that was cut off: "
            "'mcap recover' or 'ros2 bag reindex' may mend it)"
        )


def _definitions(connection: Connection) -> dict[str, Any]:
    """The message definitions that the bag holds for one connection, by type."""
    from rosbags.interfaces import MessageDefinitionFormat
    from rosbags.typesys import get_types_from_idl, get_types_from_msg

    kind, text = connection.msgdef
    if kind is MessageDefinitionFormat.MSG:
        return get_types_from_msg(text, connection.msgtype)
    found: dict[str, Any] = {}
    if kind is MessageDefinitionFormat.IDL:
        # Several types in one text are set apart by a rule and a title line each.
        for part in filter(None, text.split(_IDL_RULE)):
            is_titled = part.startswith("IDL: ")
            found.update(get_types_from_idl(part.partition("\n")[2] if is_titled else part))
    return found


def _storage(path: Path) -> Path:
    """What rosbags should open: the folder, or the storage file if its metadata are missing."""
    if not path.exists():
        raise DatasetError(f"{path}: there is no such file or folder")
    if path.suffix == ".bag":
        raise DatasetError(f"{path}: a ROS 1 bag: convert it with rosbags-convert")
    if not path.is_dir() or (path / "metadata.yaml").exists():
        return path
    files = _storage_files(path)
    if len(files) != 1:
        raise DatasetError(
            f"{path}: {len(files)} storage files and no metadata.yaml: not a rosbag2, or one that "
            "'ros2 bag reindex' should mend"
        )
    return files[0]


def _storage_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in STORAGE_SUFFIXES)
