# SPDX-License-Identifier: Apache-2.0
"""Plays a rosbag2 over DDS: the original topics, types and bytes, at the recorded pace.

    python -m vpr_ros.demo.replay.replay_node BAG --clock --topics /camera/image_raw /odom

Needs no rosbag2: bags are read by the rosbags library, in sqlite3 or MCAP, compressed or not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args
from rosgraph_msgs.msg import Clock
from tqdm import tqdm

from vpr_ros.demo.replay.publishing import (
    ClockTicks,
    Pacer,
    RecordedTopic,
    message_class,
    offered_qos,
    wait_for_delivery,
    wait_for_subscribers,
)
from vpr_ros.drives.bag_file import BagFile
from vpr_ros.errors import ConfigError, DatasetError, VprError
from vpr_ros.nodes.conversions import ns_to_stamp

_LATCHED_BY_CONVENTION = ("/tf_static", "/robot_description")
_NS_PER_S = 1_000_000_000


class BagPlayer:
    """Publishes the messages of one open bag."""

    def __init__(self, node: Node, bag: BagFile, options: argparse.Namespace) -> None:
        """Offer what was asked for and can be published; DatasetError if that is nothing."""
        self._node = node
        self._bag = bag
        self._rate: float = options.rate
        self._start_ns = bag.span_ns[0] + round(options.start_offset * _NS_PER_S)
        self._topics = [_recorded(bag, name) for name in _wanted(bag, options)]
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
        messages = self._bag.recording(self.publishers, start_ns=self._start_ns)
        for topic, log_ns, raw in self._progress(messages):
            self._tick_until(log_ns, pacer)
            pacer.wait_until(log_ns)
            self.publishers[topic].publish(bytes(raw))
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
        latched = {topic.name for topic in self._topics if topic.latched} & set(self.publishers)
        count = 0
        for topic, _, raw in self._bag.recording(latched, stop_ns=self._start_ns):
            self.publishers[topic].publish(bytes(raw))
            count += 1
        return count

    def _progress(
        self, messages: Iterable[tuple[str, int, bytes]]
    ) -> Iterator[tuple[str, int, bytes]]:
        """Pass messages on and show on a terminal how far the recorded time has come."""
        seconds = max(0.0, (self._bag.span_ns[1] - self._start_ns) / _NS_PER_S)
        shape = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} s of the bag"
        silent = not sys.stderr.isatty()
        with tqdm(total=seconds, desc=self._bag.path.name, bar_format=shape, disable=silent) as bar:
            for message in messages:
                yield message
                bar.update(max(0.0, (message[1] - self._start_ns) / _NS_PER_S - bar.n))

    def _offer_all(self) -> dict[str, Publisher]:
        publishers: dict[str, Publisher] = {}
        for topic in self._topics:
            try:
                kind = message_class(topic.msgtype)
                publisher = self._node.create_publisher(kind, topic.name, offered_qos(topic))
                publishers[topic.name] = publisher
            except ConfigError as error:
                self._node.get_logger().warning(f"{topic.name} is skipped: {error}")
        if not publishers:
            raise DatasetError(f"{self._bag.path}: no topic can be published")
        return publishers


def _wanted(bag: BagFile, options: argparse.Namespace) -> list[str]:
    """The topics to play; DatasetError if the bag lacks one that was named, or is empty."""
    if not any(topic.count for topic in bag.topics.values()):
        raise DatasetError(f"{bag.path}: the bag holds no messages")
    named = {"/" + name.lstrip("/") for name in options.topics or bag.topics}
    if missing := sorted(named - set(bag.topics)):
        have = ", ".join(sorted(bag.topics))
        raise DatasetError(f"{bag.path} has no topic {', '.join(missing)}; it has {have}")
    if options.clock is not None:
        named -= {"/clock"}  # two clocks would contradict each other
    return [name for name in bag.topics if name in named]


def _recorded(bag: BagFile, name: str) -> RecordedTopic:
    """A topic as it was recorded, whose queue holds what all its publishers offered."""
    topic = bag.topics[name]
    depth, is_latched = bag.offered(topic)
    return RecordedTopic(name, topic.type, depth, is_latched or name in _LATCHED_BY_CONVENTION)


def _replay(node: Node, options: argparse.Namespace) -> None:
    log = node.get_logger()
    with closing(BagFile(options.bag)) as bag:
        player = BagPlayer(node, bag, options)
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


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The words after the program's name; bad ones end the process with exit code 2."""
    parser = argparse.ArgumentParser(prog="replay", description="Play a rosbag2 over DDS.")
    parser.add_argument("bag", type=Path, help="folder of a rosbag2, or one .mcap or .db3 file")
    parser.add_argument("--rate", type=_positive, default=1.0, help="speed, 1 = as recorded")
    parser.add_argument(
        "--clock", type=_positive, nargs="?", const=40.0, metavar="HZ",
        help="also publish the replayed time on /clock (40 Hz if no number is given)",
    )  # fmt: skip
    parser.add_argument("--loop", action="store_true", help="begin again at the end, until stopped")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", help="play only these")
    parser.add_argument(
        "--start-offset", type=_not_negative, default=0.0, metavar="S",
        help="seconds of the recording to leave out at its start",
    )  # fmt: skip
    parser.add_argument(
        "--wait-for-subscribers", type=_not_negative, default=5.0, metavar="S",
        help="seconds to wait for subscribers before the first message (default 5)",
    )  # fmt: skip
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be above 0")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be 0 or more")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a bag; 0 at its end, 2 where it cannot be played, 130 when interrupted."""
    words = list(sys.argv if arguments is None else ["replay", *arguments])
    options = _parse(remove_ros_args(words)[1:])
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
