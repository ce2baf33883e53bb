# SPDX-License-Identifier: Apache-2.0
"""Plays a rosbag2 over DDS: the original topics, types and bytes, at the recorded pace.

    python -m vpr_ros.nodes.replay.replay_node BAG --clock --topics /camera/image_raw /odom

Needs no rosbag2: bags are read by the rosbags library, in sqlite3 or MCAP, compressed or not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args
from rosbags.interfaces import Connection, ConnectionExtRosbag2, QosDurability
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock
from tqdm import tqdm

from vpr_ros.errors import ConfigError, DatasetError, VprError
from vpr_ros.nodes.conversions import ns_to_stamp
from vpr_ros.nodes.replay.options import parse_options
from vpr_ros.nodes.replay.timing import ClockTicks, Pacer
from vpr_ros.nodes.replay.topics import (
    RecordedTopic,
    create_publisher,
    wait_for_delivery,
    wait_for_subscribers,
)

_LATCHED_BY_CONVENTION = ("/tf_static", "/robot_description")
_NS_PER_S = 1_000_000_000


class BagPlayer:
    """Publishes the messages of one open bag."""

    def __init__(self, node: Node, reader: Reader, options: argparse.Namespace) -> None:
        """Offer every topic that was asked for and can be published.

        Raises:
            DatasetError: the bag has no such topic, or none that can be published.
        """
        self._node = node
        self._reader = reader
        self._rate: float = options.rate
        self._start_ns = reader.start_time + round(options.start_offset * _NS_PER_S)
        self._topics = _recorded_topics(_wanted(reader, options))
        self.publishers = self._offer_all()
        self._clock_hz: float | None = options.clock
        self._ticks: ClockTicks | None = None
        if self._clock_hz is not None:
            self._clock = node.create_publisher(Clock, "/clock", QoSProfile(depth=10))

    def play(self) -> int:
        """Publish everything at its time, from the beginning each time it is called.

        Returns:
            The number of messages.

        Raises:
            DatasetError: the bag cannot be read to its end.
        """
        if self._clock_hz is not None:
            self._ticks = ClockTicks(self._start_ns, self._clock_hz, self._rate)
        count = self._publish_latched_past()
        pacer = Pacer(self._start_ns, self._rate)
        for connection, log_ns, raw in self._progress(self._messages(start=self._start_ns)):
            self._tick_until(log_ns, pacer)
            pacer.wait_until(log_ns)
            self.publishers[connection.topic].publish(bytes(raw))
            count += 1
        return count

    def _tick_until(self, log_ns: int, pacer: Pacer) -> None:
        if self._ticks is None:
            return
        for tick_ns in self._ticks.until(log_ns):
            pacer.wait_until(tick_ns)
            self._clock.publish(Clock(clock=ns_to_stamp(tick_ns)))

    def _publish_latched_past(self) -> int:
        """What late subscribers would have received: latched messages from before the start."""
        latched = {topic.name for topic in self._topics if topic.latched}
        if not latched & self.publishers.keys():
            return 0
        count = 0
        for connection, _, raw in self._messages(stop=self._start_ns):
            if connection.topic in latched:
                self.publishers[connection.topic].publish(bytes(raw))
                count += 1
        return count

    def _messages(
        self, start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Connection, int, bytes]]:
        connections = [c for c in self._reader.connections if c.topic in self.publishers]
        try:
            yield from self._reader.messages(connections, start, stop)
        except Exception as error:  # rosbags raises whatever it trips over in damaged bytes
            raise DatasetError(f"{self._reader.path}: damaged: {error}") from error

    def _progress(
        self, messages: Iterable[tuple[Connection, int, bytes]]
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Pass messages on and show on a terminal how far the recorded time has come."""
        seconds = max(0.0, (self._reader.end_time - self._start_ns) / _NS_PER_S)
        shape = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} s of the bag"
        silent = not sys.stderr.isatty()
        name = Path(str(self._reader.path)).name
        with tqdm(total=seconds, desc=name, bar_format=shape, disable=silent) as bar:
            for message in messages:
                yield message
                bar.update(max(0.0, (message[1] - self._start_ns) / _NS_PER_S - bar.n))

    def _offer_all(self) -> dict[str, Publisher]:
        publishers: dict[str, Publisher] = {}
        for topic in self._topics:
            try:
                publishers[topic.name] = create_publisher(self._node, topic)
            except ConfigError as error:
                self._node.get_logger().warning(f"{topic.name} is skipped: {error}")
        if not publishers:
            raise DatasetError(f"{self._reader.path}: no topic can be published")
        return publishers


@contextmanager
def open_bag(path: Path) -> Iterator[Reader]:
    """Open a rosbag2: a folder with metadata.yaml, or one .mcap or .db3 file.

    Raises:
        DatasetError: there is none, or it cannot be read.
    """
    with ExitStack() as stack:
        try:
            reader = stack.enter_context(Reader(path))
        except Exception as error:  # as above
            raise DatasetError(f"{path} is not a rosbag2 that can be read: {error}") from error
        if reader.message_count == 0:
            raise DatasetError(f"{path}: the bag holds no messages")
        yield reader


def _wanted(reader: Reader, options: argparse.Namespace) -> list[Connection]:
    """The connections to play.

    Raises:
        DatasetError: the bag does not have a topic that was named.
    """
    known = {connection.topic for connection in reader.connections}
    named = {"/" + name.lstrip("/") for name in options.topics or known}
    if missing := sorted(named - known):
        raise DatasetError(
            f"{reader.path} has no topic {', '.join(missing)}; it has {', '.join(sorted(known))}"
        )
    if options.clock is not None:
        named -= {"/clock"}  # two clocks would contradict each other
    return [connection for connection in reader.connections if connection.topic in named]


def _recorded_topics(connections: Sequence[Connection]) -> list[RecordedTopic]:
    """One entry a topic, whose queue holds what all its recorded publishers offered."""
    merged: dict[str, RecordedTopic] = {}
    for connection in connections:
        name, before = connection.topic, merged.get(connection.topic)
        assert isinstance(connection.ext, ConnectionExtRosbag2)
        offers = connection.ext.offered_qos_profiles
        latched = any(offer.durability == QosDurability.TRANSIENT_LOCAL for offer in offers)
        latched |= name in _LATCHED_BY_CONVENTION or (before is not None and before.latched)
        depth = sum(offer.depth for offer in offers) + (before.depth if before else 0)
        merged[name] = RecordedTopic(name, connection.msgtype, depth, latched)
    return list(merged.values())


def _replay(node: Node, options: argparse.Namespace) -> None:
    log = node.get_logger()
    with open_bag(options.bag) as reader:
        player = BagPlayer(node, reader, options)
        connected = wait_for_subscribers(node, player.publishers, options.wait_for_subscribers)
        if not connected:
            log.warning(
                f"nobody subscribes to {', '.join(player.publishers)}; playing all the same"
            )
        count = player.play()
        while options.loop:
            count += player.play()
        for topic in wait_for_delivery(player.publishers):
            log.warning(f"{topic}: a subscriber did not confirm that it received everything")
        log.info(f"played {count} messages of {len(player.publishers)} topics")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a bag; 0 at its end, 2 where it cannot be played, 130 when interrupted."""
    words = list(sys.argv if arguments is None else ["replay", *arguments])
    options = parse_options(remove_ros_args(words)[1:])
    # Python's own handling of Ctrl-C ends the sleep between two messages.
    rclpy.init(args=words, signal_handler_options=SignalHandlerOptions.NO)
    try:
        _replay(Node("replay", start_parameter_services=False), options)
    except VprError as error:
        sys.stderr.write(f"vpr_ros: error: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
