# SPDX-License-Identifier: Apache-2.0
"""Nodes as processes that take poses from TF and send map -> odom, over DDS."""

import importlib.util
import os

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from node_harness import (
    START_NS,
    Observer,
    node_process,
    pattern,
    raw_message,
    stamped,
)
from sensor_msgs.msg import Image
from tf_harness import transform

from vpr_ros import pipeline
from vpr_ros.config import PipelineConfig
from vpr_ros.datatypes import Frame, Pose
from vpr_ros.demo.lifecycle_process import NodeProcessError
from vpr_ros.nodes.interfaces import PlaceMatch
from vpr_ros.place_map import PlaceMap

S = 10**9
AHEAD = (0.0, 0.0, 0.0, 1.0)
TF2_IS_HERE = importlib.util.find_spec("tf2_ros") is not None
needs_tf2 = pytest.mark.skipif(not TF2_IS_HERE, reason="TF needs ros-$ROS_DISTRO-tf2-ros-py")


def stamp(second):
    return START_NS + round(second * S)


@pytest.fixture
def ear(ros):
    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture
def places(tmp_path):
    """A map of three places, 10 m apart in the frame "map"."""
    path = tmp_path / "places.vprmap"
    line = pipeline.build(PipelineConfig(method="hog_sift"))
    with line.continue_map(path) as place_map:
        builder = line.map_builder(place_map)
        for number in range(3):
            pose = Pose((10.0 * number, 5.0, 0.0), AHEAD, "map")
            builder.offer(Frame(stamp(number), pattern(number), pose))
        builder.finish()
    return path


def hear_tf(ear):
    from tf2_msgs.msg import TFMessage

    heard = []
    ear.node.create_subscription(TFMessage, "/tf", lambda m: heard.extend(m.transforms), 100)
    return heard


def tf_publisher(ear):
    from tf2_msgs.msg import TFMessage

    return ear.publisher(TFMessage, "/tf")


def moved(publisher, second, x):
    """The robot at x meters, told a tenth of a second before and after."""
    for tick in (second - 0.1, second + 0.1):
        each = at(transform("odom", "base_link", 0, x=x), tick)
        publisher.publish(publisher.msg_type(transforms=[each]))


def at(message, second):
    message.header.stamp = stamped(PoseStamped(), stamp(second)).header.stamp
    return message


def odometry(x, second):
    message = Odometry()
    message.pose.pose.position.x = float(x)
    message.pose.pose.orientation.w = 1.0
    return stamped(message, stamp(second), "odom")


@needs_tf2
def test_a_mapper_takes_its_poses_from_tf(ear, tmp_path):
    path = tmp_path / "drive.vprmap"
    settings = {"pose_type": "tf", "pose_timeout": 2.0, "loops__close": False}
    with node_process("mapper", tmp_path / "log", path, **settings) as process:
        process.configure()
        assert ear.node.count_subscribers("/tf") == 0
        process.activate()
        camera, tf = ear.publisher(Image, "/image"), tf_publisher(ear)
        for second in range(3):
            camera.publish(raw_message(pattern(second), stamp(second)))
            ear.spin_for(0.1)  # the image waits for its pose
            moved(tf, second, x=10.0 * second)
            ear.wait_for_status(
                "mapper", lambda s, n=second: s.count("keyframes") == n + 1, "a keyframe"
            )
        camera.publish(raw_message(pattern(3), stamp(3)))
        status = ear.wait_for_status("mapper", lambda s: s.count("frames without pose"), "it")
        process.deactivate()
        ear.wait_for(lambda: not ear.node.count_subscribers("/tf"), "silence")
        ear.silence(camera)
        ear.silence(tf)
    assert status.values["pose source"] == "tf"
    assert "odom -> base_link ends 0.900 s before the image" in status.values["last pose error"]
    with PlaceMap.open(path) as place_map:
        poses = [record.pose for record in place_map.table.records()]
    assert poses.pop() is None  # of the image that TF did not reach
    assert [pose.position[0] for pose in poses] == pytest.approx([0.0, 10.0, 20.0])
    assert {pose.frame_id for pose in poses} == {"odom"}


@needs_tf2
@pytest.mark.parametrize("source", ["odometry", "tf"])
def test_a_localizer_sends_map_to_odom(ear, tmp_path, places, source):
    settings = {"tf__broadcast": True, "pose_type": source, "pose_timeout": 2.0}
    with node_process("localizer", tmp_path / "log", places, **settings) as process:
        process.configure()
        assert ear.node.count_publishers("/tf") == 0
        process.activate()
        heard, camera = hear_tf(ear), ear.publisher(Image, "/image")
        by_tf = source == "tf"
        robot = tf_publisher(ear) if by_tf else ear.publisher(Odometry, "/odom")

        def show(second, seed, x):
            if by_tf:
                moved(robot, second, x)
            else:
                robot.publish(odometry(x, second))
            camera.publish(raw_message(pattern(seed), stamp(second)))
            return ear.wait_for_match(stamp(second))

        def sent():
            return [each for each in heard if each.header.frame_id == "map"]

        assert show(50, 77, x=1.0).verdict == PlaceMatch.UNKNOWN
        ear.spin_for(0.5)
        assert sent() == []
        assert show(51, 2, x=2.0).verdict == PlaceMatch.ACCEPTED
        ear.wait_for(sent, "map -> odom")
        t = sent()[-1].transform.translation
        assert (sent()[-1].child_frame_id, t.x, t.y) == ("odom", 18.0, 5.0)
        assert show(52, 1, x=2.5).verdict == PlaceMatch.ACCEPTED
        ear.wait_for(lambda: sent()[-1].transform.translation.x == 7.5, "the next transform")
        status = ear.wait_for_status(
            "localizer", lambda s: s.values.get("map_to_odom sent") == "2", "two matches"
        )
        assert status.values["map_to_odom by"] == "keyframe 2 of session-1"
        process.deactivate()
        ear.spin_for(0.3)
        heard.clear()
        process.activate()
        ear.spin_for(0.5)
        assert sent() == []  # while it was not active, the robot may have been carried away
        ear.silence(camera)
        ear.silence(robot)


@needs_tf2
def test_a_filter_takes_odometry_from_tf_but_no_map_frame(ear, tmp_path, places):
    sources = {}
    for frame in ("odom", "map"):
        settings = {"sequence__mode": "filter", "pose_type": "tf", "tf__pose_frame": frame}
        with node_process("localizer", tmp_path / frame, places, **settings) as process:
            process.configure()
            process.activate()
            status = ear.wait_for_status("localizer", lambda s: s.level != 0, "an active node")
            sources[frame] = status.values.get("pose source")
        ear.forget()
    assert sources == {"odom": "tf", "map": None}


def test_without_tf2_a_node_cannot_be_configured_and_says_why(ear, tmp_path, places, monkeypatch):
    if TF2_IS_HERE:
        (tmp_path / "tf2_ros.py").write_text("raise ImportError('it is hidden')\n")
        before = os.environ.get("PYTHONPATH", "")
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{before}")
    with node_process("localizer", tmp_path / "log", places, pose_type="tf") as process:
        with pytest.raises(NodeProcessError, match="configure"):
            process.configure()
        status = ear.wait_for_status("localizer", lambda s: s.level == 2, "the refusal")
        assert process.state() == "unconfigured"
    said = status.message
    assert said.startswith("cannot configure: pose_type tf and tf.broadcast need tf2_ros")
    assert "-tf2-ros-py" in said
