# SPDX-License-Identifier: Apache-2.0
"""The replay publishes what the bag holds: bytes, order, pace, and a clear refusal otherwise."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

rclpy = pytest.importorskip("rclpy", reason="the replay needs ROS 2")

from geometry_msgs.msg import PoseStamped  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile, QoSReliabilityPolicy  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from vpr_ros.demo.replay.publishing import (  # noqa: E402
    ClockTicks,
    Pacer,
    RecordedTopic,
    message_class,
    offered_qos,
)
from vpr_ros.errors import ConfigError  # noqa: E402

START_NS = 1_700_000_000 * 10**9
STEP_NS = 20_000_000  # 50 Hz
FRAMES = 40
STORE = get_typestore(Stores.ROS2_HUMBLE)
NO_TIME = QosTime(0, 0)
LATCHED = Qos(
    QosHistory.KEEP_LAST, 3, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL,
    NO_TIME, NO_TIME, QosLiveliness.AUTOMATIC, NO_TIME, False,
)  # fmt: skip


def stamp_ns(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def header(number):
    seconds, rest = divmod(START_NS + number * STEP_NS, 10**9)
    stamp = STORE.types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=rest)
    return STORE.types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")


def image(number):
    data = np.arange(number, number + 3000, dtype=np.uint8)
    kind = STORE.types["sensor_msgs/msg/CompressedImage"]
    return kind(header=header(number), format="jpeg", data=data)


def raw_image(number, height=480, width=640):
    return STORE.types["sensor_msgs/msg/Image"](
        header=header(number),
        height=height,
        width=width,
        encoding="rgb8",
        is_bigendian=0,
        step=3 * width,
        data=np.full(3 * height * width, number, np.uint8),
    )


def pose(number):
    point = STORE.types["geometry_msgs/msg/Point"](x=float(number), y=0.0, z=0.0)
    turn = STORE.types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0)
    placed = STORE.types["geometry_msgs/msg/Pose"](position=point, orientation=turn)
    return STORE.types["geometry_msgs/msg/PoseStamped"](header=header(number), pose=placed)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("replay") / "bag"
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:

        def topic(name, kind, **options):
            connection = writer.add_connection(name, kind, typestore=STORE, **options)
            return lambda message, number: writer.write(
                connection, START_NS + number * STEP_NS, STORE.serialize_cdr(message, kind)
            )

        latched = topic("/description", "std_msgs/msg/String", offered_qos_profiles=[LATCHED])
        images = topic("/camera/compressed", "sensor_msgs/msg/CompressedImage")
        poses = topic("/pose", "geometry_msgs/msg/PoseStamped")
        odd = writer.add_connection(
            "/odd", "nowhere_msgs/msg/Thing", msgdef="float64 x\n", rihs01="RIHS01_" + "0" * 64
        )
        latched(STORE.types["std_msgs/msg/String"](data="a robot"), 0)
        for number in range(FRAMES):
            images(image(number), number)
            poses(pose(number), number)
            writer.write(odd, START_NS + number * STEP_NS, b"\0\1\0\0" + bytes(8))
    return path


@pytest.fixture(autouse=True, scope="module")
def alone():
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("ROS_DISTRO") == "humble":
            patch.setenv("ROS_LOCALHOST_ONLY", "1")
        else:
            patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        yield


class Ear:
    """Subscribes in this process and remembers what it hears."""

    def __init__(self):
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node("ear", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.heard = {}

    def listen(self, kind, topic, qos=None):
        heard = self.heard.setdefault(topic, [])
        self.node.create_subscription(kind, topic, heard.append, qos or QoSProfile(depth=1000))
        return heard

    def spin_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def spin_while(self, process, limit=20.0):
        end = time.monotonic() + limit
        while process.poll() is None and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)
        before = None
        while before != (before := [len(each) for each in self.heard.values()]):
            self.spin_for(0.2)  # what was on its way


@pytest.fixture
def ear():
    ear = Ear()
    yield ear
    ear.executor.shutdown()
    ear.node.destroy_node()
    ear.context.try_shutdown()


@contextmanager
def replay(*words):
    command = [sys.executable, "-m", "vpr_ros.demo.replay.replay_node", *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def refused(*words):
    with replay(*words) as process:
        _, errors = process.communicate(timeout=20)
    return process.returncode, errors


def test_everything_arrives_once_in_order_with_its_bytes(bag, ear):
    images = ear.listen(CompressedImage, "/camera/compressed")
    poses = ear.listen(PoseStamped, "/pose")
    odd = "/odd is skipped: type nowhere_msgs/msg/Thing cannot be imported: install ros-"
    with replay(bag) as process:
        ear.spin_while(process)
        errors = process.communicate()[1]
    assert process.returncode == 0, errors
    assert [stamp_ns(message) for message in images] == [
        START_NS + number * STEP_NS for number in range(FRAMES)
    ]
    assert [message.pose.position.x for message in poses] == list(map(float, range(FRAMES)))
    assert all(
        np.array_equal(message.data, image(number).data) for number, message in enumerate(images)
    )
    assert errors.count(odd) == 1
    assert "nowhere-msgs" in errors


def test_raw_images_push_nothing_out(tmp_path, ear):
    bag = tmp_path / "raw"
    with Writer(bag, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        kinds = ("sensor_msgs/msg/Image", "geometry_msgs/msg/PoseStamped")
        images, poses = (
            writer.add_connection(name, kind, typestore=STORE)
            for name, kind in zip(("/camera", "/pose"), kinds, strict=True)
        )
        for number in range(2 * FRAMES):
            stamp = START_NS + number * STEP_NS
            if number % 4 == 0:
                raw = STORE.serialize_cdr(raw_image(number), kinds[0])
                writer.write(images, stamp, raw)
            writer.write(poses, stamp, STORE.serialize_cdr(pose(number), kinds[1]))
    heard = ear.listen(PoseStamped, "/pose")
    images = ear.listen(Image, "/camera")
    with replay(bag) as process:
        ear.spin_while(process)
        errors = process.communicate()[1]
    assert process.returncode == 0, errors
    assert [message.pose.position.x for message in heard] == list(map(float, range(2 * FRAMES)))
    assert [stamp_ns(message) for message in images] == [
        START_NS + number * STEP_NS for number in range(0, 2 * FRAMES, 4)
    ]


def test_topics_rate_clock_and_offset(bag, ear):
    poses = ear.listen(PoseStamped, "/pose")
    images = ear.listen(CompressedImage, "/camera/compressed")
    best_effort = QoSProfile(depth=100, reliability=QoSReliabilityPolicy.BEST_EFFORT)
    clock = ear.listen(Clock, "/clock", best_effort)
    offset = 10 * STEP_NS / 1e9
    words = ("--topics", "pose", "--rate", "0.5", "--clock", "--start-offset", offset)
    with replay(bag, *words) as process:
        ear.spin_while(process)
    assert process.returncode == 0
    assert not images
    assert [message.pose.position.x for message in poses] == list(map(float, range(10, FRAMES)))
    times = [message.clock.sec * 10**9 + message.clock.nanosec for message in clock]
    assert times == sorted(times)
    assert times[0] >= START_NS + 10 * STEP_NS
    # 40 Hz of real time at half the speed: a tick every 12.5 ms of recorded time.
    assert set(np.diff(times)) <= {12_500_000, 25_000_000}
    assert times[-1] <= START_NS + FRAMES * STEP_NS


def test_a_loop_begins_again_until_it_is_stopped(bag, ear):
    poses = ear.listen(PoseStamped, "/pose")
    clock = ear.listen(Clock, "/clock")
    with replay(bag, "--loop", "--topics", "pose", "--rate", "4", "--clock") as process:
        end = time.monotonic() + 60.0
        while len(poses) < 2 * FRAMES + 5 and time.monotonic() < end:
            ear.spin_for(0.1)
        process.send_signal(signal.SIGINT)
        ear.spin_while(process)
    assert process.returncode == 130
    lap = list(map(float, range(FRAMES)))
    assert [message.pose.position.x for message in poses][: 2 * FRAMES + 5] == [
        *lap,
        *lap,
        *lap[:5],
    ]
    times = [message.clock.sec * 10**9 + message.clock.nanosec for message in clock]
    assert sum(np.diff(times) < 0) >= 2


def test_latched_messages_from_before_the_start_are_told(bag, ear):
    words = ear.listen(String, "/description", offered_qos(RecordedTopic("", "", 1, True)))
    with replay(bag, "--start-offset", "0.5", "--topics", "/description", "/pose") as process:
        ear.spin_while(process)
    assert [message.data for message in words] == ["a robot"]


def test_plays_though_nobody_listens(bag):
    code, errors = refused(bag, "--wait-for-subscribers", "0", "--rate", "50")
    assert code == 0
    assert "nobody subscribes" in errors


def test_interruption_is_quiet(bag):
    with replay(bag, "--wait-for-subscribers", "0", "--rate", "0.01") as process:
        assert "skipped" in process.stderr.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.parametrize("case", ["missing", "no bag", "damaged", "topic"])
def test_refuses_in_one_line(bag, tmp_path, case):
    words = {"missing": [tmp_path / "none"], "no bag": [tmp_path], "topic": [bag, "--topics", "x"]}
    if case == "damaged":
        copy = tmp_path / "copy.mcap"
        copy.write_bytes(next(bag.glob("*.mcap")).read_bytes()[:5000])
        words[case] = [copy]
    code, errors = refused(*words[case])
    assert code == 2
    assert errors.startswith("vpr_ros: error: ")
    assert errors.count("\n") == 1
    assert str(bag if case == "topic" else words[case][0]) in errors


@pytest.mark.parametrize("msgtype", ["os/msg/path", "os", "std_msgs/msg/Nothing", "a/srv/B_Event"])
def test_only_messages_are_imported(msgtype):
    with pytest.raises(ConfigError, match=msgtype):
        message_class(msgtype)


def test_pacer_does_not_drift():
    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds + 0.003  # wakes up late, every time

    pacer = Pacer(START_NS, 2.0, now=lambda: now[0], sleep=sleep)
    for number in range(1000):
        pacer.wait_until(START_NS + number * STEP_NS)
    assert now[0] == pytest.approx(100.0 + 999 * 0.01 + 0.003, abs=1e-6)
    now[0] += 1.0
    before = len(slept)
    pacer.wait_until(START_NS + 1000 * STEP_NS)  # late: at once
    assert len(slept) == before


def test_ticks_come_once_and_at_the_start():
    ticks = ClockTicks(1000, frequency=40.0, rate=2.0)
    assert list(ticks.until(999)) == []
    assert list(ticks.until(1000 + 50_000_000)) == [1000, 1000 + 50_000_000]
    assert list(ticks.until(1000 + 50_000_000)) == []
