# SPDX-License-Identifier: Apache-2.0
"""Whatever arrives, the nodes keep running, answer the next good frame and say what was wrong."""

import itertools
import math
import signal
import sqlite3
from array import array
from contextlib import closing

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseStamped
from node_harness import (
    START_NS,
    STEP_NS,
    Observer,
    jpeg_message,
    node_process,
    pattern,
    pose_message,
    raw_message,
)
from sensor_msgs.msg import CompressedImage, Image

from vpr_ros import pipeline
from vpr_ros.config import PipelineConfig
from vpr_ros.datatypes import Frame
from vpr_ros.nodes.interfaces import PlaceMatch
from vpr_ros.place_map import PlaceMap

PLACES = 4
OK, WARN, ERROR = 0, 1, 2


@pytest.fixture(scope="module")
def ear(ros):
    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture(scope="module")
def stamps():
    """Stamps that go on from test to test."""
    return (START_NS + number * STEP_NS for number in itertools.count(1))


@pytest.fixture(scope="module")
def map_path(tmp_path_factory):
    """A map of a few places, made without ROS."""
    path = tmp_path_factory.mktemp("bad_input") / "places.vprmap"
    line = pipeline.build(PipelineConfig(method="hog_sift"))
    with line.continue_map(path) as place_map:
        builder = line.map_builder(place_map)
        for number in range(PLACES):
            builder.offer(Frame(number, pattern(number)))
        builder.finish()
    return path


class Camera:
    """Publishes images to one node, and knows the answer to a good one."""

    def __init__(self, ear, stamps, kind=Image, topic="/image"):
        self.ear, self.stamps, self.topic = ear, stamps, topic
        self.publisher = ear.publisher(kind, topic)

    def send(self, image=0, stamp_ns=None, **changes):
        """Publish the raw image of a place; returns its stamp."""
        stamp_ns = stamp_ns or next(self.stamps)
        self.publisher.publish(raw_message(pattern(image), stamp_ns, **changes))
        return stamp_ns

    def is_answered(self, image=1, stamp_ns=None):
        """Send a good image and wait for the answer, which must be right."""
        match = self.ear.wait_for_match(self.send(image, stamp_ns))
        assert match.verdict == PlaceMatch.ACCEPTED
        assert match.candidates[0].keyframe_id == image + 1
        return match

    def close(self):
        self.ear.silence(self.publisher)


@pytest.fixture(scope="module")
def localizer(ear, map_path):
    log = map_path.with_name("localizer.log")
    with node_process("localizer", log, map_path, decision__candidates=2) as process:
        process.configure()
        process.activate()
        yield process


@pytest.fixture
def camera(ear, stamps, localizer):
    camera = Camera(ear, stamps)
    camera.is_answered()
    yield camera
    camera.close()


BAD_IMAGES = {
    "wrong step": ({"step": 17}, "step = 17"),
    "truncated": ({"data": array("B", bytes(1000))}, "the image is truncated"),
    "no data": ({"data": array("B")}, "the image is truncated"),
    "zero size": ({"width": 0, "height": 0, "step": 0, "data": array("B")}, "size 0x0"),
    "huge size": ({"width": 2**32 - 1, "height": 2**32 - 1}, "step"),
    "unknown encoding": ({"encoding": "gray12"}, "'gray12' is not understood"),
    "no encoding": ({"encoding": ""}, "'' is not understood"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_a_bad_image_is_skipped_and_named(ear, camera, kind):
    changes, complaint = BAD_IMAGES[kind]
    stamp_ns = camera.send(**changes)
    ear.wait_for_status(
        "localizer",
        lambda s: s.level == ERROR and complaint in s.message and complaint in s.last_error,
        complaint,
    )
    camera.is_answered()
    assert not ear.match_of(stamp_ns)


def test_after_trouble_all_is_well_again(ear, camera):
    ear.wait_for_status(
        "localizer", lambda s: camera.send() and (s.level, s.message) == (OK, "working"), "working"
    )


def test_a_repeated_stamp_is_answered_once(ear, camera):
    before = ear.wait_for_status("localizer", lambda s: True, "any").count("stamps repeated")
    stamp_ns = camera.send(2)
    ear.wait_for_match(stamp_ns)
    camera.send(2, stamp_ns)
    camera.is_answered()
    assert len(ear.match_of(stamp_ns)) == 1
    ear.wait_for_status("localizer", lambda s: s.count("stamps repeated") == before + 1, "repeated")


def test_stamps_going_backwards_are_answered_and_counted(ear, camera):
    before = ear.wait_for_status("localizer", lambda s: True, "any").count("stamps going backwards")
    camera.is_answered(1, START_NS - 3600 * 10**9)
    camera.is_answered(2)
    ear.wait_for_status(
        "localizer", lambda s: s.count("stamps going backwards") == before + 1, "backwards"
    )


def test_two_publishers_are_both_heard_and_reported(ear, camera, stamps):
    second = Camera(ear, stamps)
    second.is_answered(0)
    camera.is_answered(1)
    ear.wait_for_status(
        "localizer", lambda s: s.level == WARN and "2 publishers on /image" in s.message, "two"
    )
    second.close()
    ear.wait_for_status("localizer", lambda s: "2 publishers" not in s.message, "one publisher")


def test_no_publisher_and_a_silent_one(ear, localizer, stamps):
    ear.wait_for_status(
        "localizer", lambda s: (s.level, s.message) == (WARN, "nobody publishes /image"), "nobody"
    )
    camera = Camera(ear, stamps)
    camera.is_answered()
    ear.wait_for_status("localizer", lambda s: "no image on /image for" in s.message, "silence")
    localizer.deactivate()
    ear.wait_for_status("localizer", lambda s: s.message == "not active", "not active")
    localizer.activate()
    ear.wait_for(camera.publisher.get_subscription_count, "the subscription")
    camera.is_answered()
    camera.close()


def test_a_publisher_that_never_sends(ear, map_path, tmp_path):
    remapped = {"image": "/other_image"}
    with node_process("localizer", tmp_path / "log", map_path, "waiting", remapped) as process:
        process.configure()
        process.activate()
        publisher = ear.publisher(Image, "/other_image")
        what = "no image on /other_image yet"
        ear.wait_for_status("waiting", lambda s: s.level == WARN and what in s.message, what)
        ear.silence(publisher)


@pytest.fixture
def mapper(ear, tmp_path):
    """An active mapper that listens to poses, keeps every frame and commits nothing by itself."""
    parameters = {"pose_type": "pose", "image_transport": "compressed", "pose_timeout": 0.5}
    parameters |= {"keyframes__view_change": 0.0, "keyframes__commit_period": 60.0}
    remapped = {"image": "/compressed"}
    log, path = tmp_path / "mapper.log", tmp_path / "new.vprmap"
    with node_process("mapper", log, path, None, remapped, **parameters) as process:
        process.map_path = path
        process.configure()
        process.activate()
        yield process


class Robot:
    """A camera and a pose source for the mapper."""

    def __init__(self, ear, mapper):
        self.ear, self.mapper = ear, mapper
        self.images = ear.publisher(CompressedImage, "/compressed")
        self.poses = ear.publisher(PoseStamped, "/pose")
        self.sent = 0

    def drive(self, x=None, keep=1.0, stamp_ns=None):
        """Send an image with the pose that belongs to it, a meter or more from the last."""
        self.sent += 1
        stamp_ns = stamp_ns or START_NS + self.sent * STEP_NS
        self.poses.publish(pose_message(2.0 * self.sent if x is None else x, stamp_ns))
        self.images.publish(jpeg_message(pattern(self.sent), stamp_ns, keep))

    def wait_for_keyframes(self, count):
        self.ear.wait_for(lambda: self.mapper.keyframes() == count, f"{count} keyframes")


@pytest.fixture
def robot(ear, mapper):
    robot = Robot(ear, mapper)
    yield robot
    ear.silence(robot.images)
    ear.silence(robot.poses)


def test_mapper_survives_truncated_jpegs_and_impossible_poses(ear, mapper, robot):
    robot.drive()
    robot.wait_for_keyframes(1)
    for keep, complaint in ((0.5, "it is truncated"), (0.0, "of 0 bytes")):
        robot.drive(keep=keep)
        ear.wait_for_status(
            "mapper", lambda s, said=complaint: s.level == ERROR and said in s.message, complaint
        )
    robot.drive(x=math.nan)  # the image is kept, without a pose
    robot.wait_for_keyframes(2)
    status = ear.wait_for_status(
        "mapper", lambda s: s.count("frames without pose") == 1, "a frame without pose"
    )
    assert status.count("poses refused") == 1
    assert "nan" in status.values["last pose error"]
    robot.drive()
    robot.wait_for_keyframes(3)


def test_mapper_goes_on_when_stamps_go_backwards(ear, mapper, robot):
    robot.drive()
    robot.wait_for_keyframes(1)
    robot.drive(stamp_ns=START_NS - 3600 * 10**9)
    robot.wait_for_keyframes(2)
    robot.drive()
    robot.wait_for_keyframes(3)
    ear.wait_for_status("mapper", lambda s: s.count("stamps going backwards") == 1, "backwards")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_mapper_with_everything_committed(mapper, robot, number):
    for sent in range(1, 6):
        robot.drive()
        robot.wait_for_keyframes(sent)
    assert committed(mapper.map_path) < 5  # or there is nothing to see below
    assert mapper.end_by(number) == 0
    with PlaceMap.open(mapper.map_path) as place_map:
        assert len(place_map) == 5
    assert [file.name for file in mapper.map_path.parent.glob("new*")] == ["new.vprmap"]


def committed(path):
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM keyframes").fetchone()[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_localizer(ear, map_path, tmp_path, number):
    with node_process("localizer", tmp_path / "log", map_path, "brief") as process:
        process.configure()
        process.activate()
        assert process.end_by(number) == 0
        assert "Traceback" not in process.tail()
