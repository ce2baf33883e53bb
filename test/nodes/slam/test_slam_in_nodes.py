# SPDX-License-Identifier: Apache-2.0
"""The localizer itself, with adapters switched on: from the image to the initial pose."""

import itertools
import math

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseWithCovarianceStamped
from node_harness import START_NS, STEP_NS, Observer, node_process, pattern, raw_message
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import Empty

from vpr_ros import pipeline
from vpr_ros.config import PipelineConfig
from vpr_ros.datatypes import Frame, Pose
from vpr_ros.demo.lifecycle_process import NodeProcessError
from vpr_ros.nodes.conversions import ns_to_stamp, stamp_to_ns

HALF = math.sqrt(0.5)


@pytest.fixture(scope="module")
def ear(ros):
    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture(scope="module")
def map_path(tmp_path_factory):
    """A map of three places, recorded 20 m from each other and looking left."""
    path = tmp_path_factory.mktemp("slam") / "places.vprmap"
    line = pipeline.build(PipelineConfig(method="hog_sift"))
    with line.continue_map(path) as place_map:
        builder = line.map_builder(place_map)
        for number in range(3):
            pose = Pose((20.0 * number, 1.0, 0.0), (0.0, 0.0, HALF, HALF), "map")
            builder.offer(Frame(number, pattern(number), pose))
        builder.finish()
    return path


@pytest.fixture(scope="module")
def process(ear, map_path):
    """A localizer with two adapters, activated."""
    adapters = ("nav2_amcl", "robot_localization")
    log = map_path.with_name("localizer.log")
    parameters = {"slam__adapters": adapters, "decision__candidates": 2}
    with node_process("localizer", log, map_path, **parameters) as started:
        started.configure()
        yield started


def test_from_the_image_to_the_initial_pose(ear, process):
    resets, poses = [], []
    ear.node.create_subscription(PoseWithCovarianceStamped, "initialpose", resets.append, 10)
    ear.node.create_subscription(PoseWithCovarianceStamped, "localizer/pose", poses.append, 10)
    process.activate()
    camera = ear.publisher(Image, "/image")
    ear.wait_for(lambda: ear.node.count_publishers("/initialpose"), "the localizer's adapter")
    ear.spin_for(0.5)  # the localizer must have found the subscribers, too
    stamps = itertools.count(START_NS, STEP_NS)

    def show(place):
        stamp_ns = next(stamps)
        camera.publish(raw_message(pattern(place), stamp_ns))
        ear.wait_for_match(stamp_ns)
        ear.spin_for(0.3)
        return stamp_ns

    first = show(1)
    assert [stamp_to_ns(pose.header.stamp) for pose in resets] == [first]
    position, q = resets[0].pose.pose.position, resets[0].pose.pose.orientation
    assert (position.x, position.y) == pytest.approx((20.0, 1.0))
    assert (q.z, q.w) == pytest.approx((HALF, HALF))
    assert resets[0].header.frame_id == "map"
    show(2)
    show(77)  # no place of the map
    assert len(resets) == 1
    assert [round(pose.pose.pose.position.x) for pose in poses] == [20, 40]
    ask_again(ear)
    assert show(0) == stamp_to_ns(resets[1].header.stamp)
    status = ear.wait_for_status("localizer", lambda s: "nav2_amcl sent" in s.values, "counters")
    assert status.count("nav2_amcl sent") == 2
    assert status.count("robot_localization sent") == 3
    ear.silence(camera)


def test_an_amcl_that_is_elsewhere_is_warned_of_and_corrected(ear, process):
    resets = []
    ear.node.create_subscription(PoseWithCovarianceStamped, "initialpose", resets.append, 10)
    estimate = PoseWithCovarianceStamped()
    estimate.header.frame_id = "map"
    estimate.header.stamp = ns_to_stamp(START_NS)
    estimate.pose.pose.position.x = 517.0
    estimate.pose.pose.orientation.z = estimate.pose.pose.orientation.w = HALF
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    amcl = ear.node.create_publisher(PoseWithCovarianceStamped, "amcl_pose", latched)
    amcl.publish(estimate)
    ear.wait_for(amcl.get_subscription_count, "the localizer's adapter")
    camera = ear.publisher(Image, "/image")
    ear.spin_for(0.5)  # the localizer must have found the subscriber, too
    for number in range(5):
        stamp_ns = START_NS + 10**9 + number * STEP_NS
        camera.publish(raw_message(pattern(1), stamp_ns))
        ear.wait_for_match(stamp_ns)
    ear.wait_for(lambda: resets, "the correction")
    text = "nav2_amcl pose: disagrees by 497 m and 0.00 rad"
    ear.wait_for_status("localizer", lambda s: s.level == 1 and text in s.message, text)
    assert [round(pose.pose.pose.position.x) for pose in resets] == [20]
    ear.silence(camera)


def ask_again(ear):
    client = ear.node.create_client(Empty, "reinitialize_global_localization")
    ear.wait_for(client.service_is_ready, "the service")
    future = client.call_async(Empty.Request())
    ear.wait_for(future.done, "its answer")


def test_cleaning_up_takes_the_adapters_out_of_the_graph(ear, process):
    process.deactivate()
    process.cleanup()
    ear.wait_for(lambda: not ear.node.count_publishers("/initialpose"), "the publisher to go")
    process.configure()
    ear.wait_for(lambda: ear.node.count_publishers("/initialpose"), "the publisher to come back")


def test_a_stack_that_is_not_installed_is_said_and_nothing_is_left_open(ear, map_path, tmp_path):
    parameters = {"slam__adapters": ("nav2_amcl", "swarm_slam")}
    with node_process("localizer", tmp_path / "log", map_path, "other", **parameters) as started:
        with pytest.raises(NodeProcessError, match="build cslam_common_interfaces"):
            started.configure()
        assert started.state() == "unconfigured"
        wanted = "cslam_common_interfaces/msg/LocalKeyframeMatch is missing"
        ear.wait_for_status("other", lambda s: s.level == 2 and wanted in s.message, wanted)
