# SPDX-License-Identifier: Apache-2.0
"""Stacks that are told loop closures: what they hear, when, and what is never sent to them."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="the adapters need ROS 2")

from geometry_msgs.msg import PoseStamped, TransformStamped
from nav_msgs.msg import Path
from slam_harness import BEST_EFFORT, START, S, loop_closure
from std_msgs.msg import Float64MultiArray

from vpr_ros.nodes.conversions import ns_to_stamp

LIO_SAM, CLOSURES = "vpr_ros.nodes.slam.lio_sam", "vpr_ros.nodes.slam.closures"
LIO_TOPIC, PATH = "lio_loop/loop_closure_detection", "lio_sam/mapping/path"


def stamped(message, second, frame=""):
    message.header.stamp = ns_to_stamp(START + round(second * S))
    message.header.frame_id = frame
    return message


def path(*seconds):
    return Path(poses=[stamped(PoseStamped(), second) for second in seconds])


@pytest.fixture
def later(monkeypatch):
    """The function that lets seconds pass for one module."""

    def start(module):
        passed = [time.monotonic()]
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(monotonic=lambda: sum(passed)))
        return passed.append

    return start


@pytest.fixture
def lio_sam(bench):
    """The adapter, and what LIO-SAM hears with its own quality of service."""
    bench.connect("lio_sam", patience=0.5)
    return bench.hear(Float64MultiArray, LIO_TOPIC, BEST_EFFORT)


def test_lio_sam_hears_two_times_in_seconds(bench, lio_sam):
    bench.publisher(Path, PATH, 1).publish(path(10.0, 20.0, 100.0))
    bench.adapters.closed(loop_closure(100.25, 20.5, transform=False))
    bench.wait_for(lambda: lio_sam, "the times")
    assert list(lio_sam[0].data) == [(START + 100_250_000_000) / S, (START + 20_500_000_000) / S]
    assert bench.facts["sent"] == "1"


def test_lio_sam_is_told_one_pair_a_second(bench, later):
    seconds_pass = later(LIO_SAM)
    bench.connect("lio_sam", patience=60.0)
    heard = bench.hear(Float64MultiArray, LIO_TOPIC, BEST_EFFORT)
    bench.publisher(Path, PATH, 1).publish(path(10.0))
    bench.adapters.closed(loop_closure(100.0))
    bench.adapters.closed(loop_closure(101.0))
    bench.wait_for(lambda: heard, "the first pair")
    seconds_pass(0.9)
    bench.spin_for(0.3)
    assert (len(heard), bench.facts["waiting"]) == (1, "1")
    seconds_pass(0.2)
    bench.wait_for(lambda: len(heard) == 2, "the second pair")
    assert [times.data[0] for times in heard] == [START / S + 100.0, START / S + 101.0]


@pytest.mark.parametrize(("query", "match", "why"), [
    (49.9, 20.0, "ignores two images only 29.9 s apart"),
    (20.0, 100.0, "ignores two images only -80.0 s apart"),
    (100.0, 9.9, "older than LIO-SAM's map"),
])  # fmt: skip
def test_lio_sam_is_not_told_what_it_would_misunderstand(bench, lio_sam, query, match, why):
    bench.publisher(Path, PATH, 1).publish(path(10.0, 20.0))
    bench.spin_for(0.3)
    bench.adapters.closed(loop_closure(query, match))
    bench.refusal(why)
    assert lio_sam == []


def test_exactly_the_least_separation_is_enough(bench, lio_sam):
    bench.publisher(Path, PATH, 1).publish(path(10.0, 20.0))
    bench.adapters.closed(loop_closure(50.0, 20.0))
    bench.wait_for(lambda: lio_sam, "the times")


def test_lio_sam_that_is_not_there_is_waited_for_but_not_for_ever(bench, lio_sam):
    bench.adapters.closed(loop_closure())
    bench.refusal("nothing is heard on /lio_sam/mapping/path")
    bench.adapters.closed(loop_closure())
    bench.publisher(Path, PATH, 1).publish(path(10.0))
    bench.wait_for(lambda: lio_sam, "the times")


def mount(parent, child, translation, rotation=(0.0, 0.0, 0.0, 1.0)):
    made = stamped(TransformStamped(child_frame_id=child), 0.0, parent)
    t, q = made.transform.translation, made.transform.rotation
    t.x, t.y, t.z = translation
    q.x, q.y, q.z, q.w = rotation
    return made


@pytest.fixture
def robot(bench, stack_messages):
    """Tells where the camera sits: 0.3 m ahead and 0.5 m up, looking ahead; and a rear one."""
    from rclpy.qos import QoSDurabilityPolicy, QoSProfile
    from tf2_msgs.msg import TFMessage

    # As tf2_ros.StaticTransformBroadcaster.
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    publisher = bench.stack.create_publisher(TFMessage, "/tf_static", latched)

    def tell():
        optical = mount("camera_link", "camera", (0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5))
        base = mount("base_link", "camera_link", (0.3, 0.0, 0.5))
        back = mount("base_link", "rear_link", (-0.4, 0.0, 0.5), (0.0, 0.0, 1.0, 0.0))
        rear = mount("rear_link", "rear", (0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5))
        publisher.publish(TFMessage(transforms=[base, optical, back, rear]))
        bench.spin_for(0.3)

    return tell


@pytest.fixture
def hydra(bench, robot):
    """Starts the adapter with a hold; gives what Hydra hears."""

    def start(hold=0.0, **settings):
        from pose_graph_tools_msgs.msg import PoseGraph

        bench.connect("hydra", hydra__hold=hold, patience=0.6, **settings)
        return bench.hear(PoseGraph, "external_loop_closures", 100)

    return start


def test_hydra_hears_an_edge_between_two_stamps(bench, hydra, robot):
    heard = hydra(hydra__robot_id=3)
    robot()
    bench.adapters.closed(loop_closure())
    bench.wait_for(lambda: heard, "the edge")
    (edge,) = heard[0].edges
    assert heard[0].nodes == []
    assert (edge.key_from, edge.key_to) == (START + 100 * S, START + 20 * S)
    assert (edge.robot_from, edge.robot_to, edge.type) == (3, 3, edge.LOOPCLOSE)
    # to_T_from: the camera went 1 m along its axis, so the base went 1 m ahead.
    p, q = edge.pose.position, edge.pose.orientation
    assert (p.x, p.y, p.z) == pytest.approx((1.0, 0.0, 0.0), abs=1e-12)
    assert abs(q.w) == pytest.approx(1.0)
    variances = edge.covariance[::7]
    assert sum(element != 0.0 for element in edge.covariance) == 6
    assert variances[0] == pytest.approx(0.01 + 0.25 * 1e-4)  # depth, and pitch on a 0.5 m lever
    assert variances[3:] == pytest.approx([9e-4, 1e-4, 4e-4])


def test_hydra_hears_it_after_the_hold_and_not_before(bench, hydra, robot, later):
    heard = hydra(hold=30.0)
    robot()
    seconds_pass = later(CLOSURES)
    bench.adapters.closed(loop_closure())
    seconds_pass(29.0)
    bench.spin_for(0.3)
    assert (heard, bench.facts["waiting"]) == ([], "1")
    seconds_pass(6.0)
    bench.wait_for(lambda: heard, "the edge")


def test_hydra_is_never_sent_a_transform_that_was_not_measured(bench, hydra, robot):
    heard = hydra()
    robot()
    bench.adapters.closed(loop_closure(transform=False))
    assert "no measured transform" in bench.facts["last refusal"]
    bench.spin_for(0.4)
    assert heard == []


def test_what_another_camera_saw_is_the_same_motion_of_the_robot(bench, hydra, robot):
    """The front camera stands 1 m ahead of where the rear camera stood, and looks as that did."""
    heard = hydra()
    robot()
    closure = loop_closure()
    motion = replace(closure.transform.match_T_query, frame_id="rear")
    transform = replace(closure.transform, match_T_query=motion)
    bench.adapters.closed(replace(closure, transform=transform))
    bench.wait_for(lambda: heard, "the edge")
    pose = heard[0].edges[0].pose
    # The front camera is 1.4 m behind where the base was, looks back, and the base follows 0.3 m.
    assert (pose.position.x, pose.position.y) == pytest.approx((-1.1, 0.0), abs=1e-12)
    assert abs(pose.orientation.z) == pytest.approx(1.0)


def test_a_camera_that_is_nowhere_on_the_robot_is_not_guessed(bench, hydra):
    heard = hydra()
    bench.adapters.closed(loop_closure())
    bench.refusal("no fixed transform from base_link to camera in /tf_static")
    assert heard == []


def keyframe(number, second):
    from cslam_common_interfaces.msg import KeyframeOdom

    made = KeyframeOdom(id=number)
    stamped(made.odom, second, "odom")
    return made


@pytest.fixture
def swarm(bench, stack_messages):
    """The adapter, what Swarm-SLAM hears, and the voice of its front end."""
    from cslam_common_interfaces.msg import KeyframeOdom, LocalKeyframeMatch

    bench.connect("swarm_slam", patience=0.5)
    heard = bench.hear(LocalKeyframeMatch, "cslam/local_keyframe_match", 100)
    front_end = bench.publisher(KeyframeOdom, "cslam/keyframe_odom", 100)
    for number, second in ((0, 10.0), (1, 20.2), (2, 60.0), (3, 99.9)):
        front_end.publish(keyframe(number, second))
    bench.spin_for(0.3)
    return heard, front_end


def test_swarm_slam_hears_its_own_keyframes(bench, swarm):
    heard, _ = swarm
    bench.adapters.closed(loop_closure(100.0, 20.0, transform=False))
    bench.wait_for(lambda: heard, "the pair")
    assert (heard[0].keyframe0_id, heard[0].keyframe1_id) == (3, 1)
    bench.adapters.closed(loop_closure(100.1, 20.1))
    bench.refusal("keyframes 3 and 1 need no closure")
    assert len(heard) == 1


@pytest.mark.parametrize(("query", "match", "why"), [
    (100.0, 40.0, "no keyframe within 0.5 s of the earlier image"),
    (120.0, 20.0, "no keyframe within 0.5 s of the later image"),
    (60.3, 59.8, "keyframes 2 and 2 need no closure"),
])  # fmt: skip
def test_swarm_slam_is_not_told_of_images_it_does_not_have(bench, swarm, query, match, why):
    heard, _ = swarm
    bench.adapters.closed(loop_closure(query, match))
    bench.refusal(why)
    assert heard == []


def test_swarm_slam_is_waited_for(bench, swarm):
    heard, front_end = swarm
    bench.adapters.closed(loop_closure(120.0, 20.0))
    bench.spin_for(0.2)
    front_end.publish(keyframe(4, 120.1))
    bench.wait_for(lambda: heard, "the pair")
    assert (heard[0].keyframe0_id, heard[0].keyframe1_id) == (4, 1)
