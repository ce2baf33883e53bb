# SPDX-License-Identifier: Apache-2.0
"""Stacks that are told a pose: what they hear, when, and what is never sent to them."""

import math

import pytest

pytest.importorskip("rclpy", reason="the adapters need ROS 2")

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from slam_harness import LATCHED, START, S, place_match
from std_srvs.srv import Empty, Trigger

from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.interfaces import PlaceMatch

RESET = ["nav2_amcl", "slam_toolbox", "isaac_vgl"]
TOPIC = {"nav2_amcl": "initialpose", "slam_toolbox": "initialpose"}
TOPIC["isaac_vgl"] = "visual_localization/pose"
TRIGGER = "visual_localization/trigger_localization"
# Depth of the stacks' subscriptions; Nav2 sets its own, Isaac calls this DEFAULT.
DEPTH = {"nav2_amcl": 10, "slam_toolbox": 1, "isaac_vgl": 10}


def nav2_accepts(message):
    """Nav2's check of an initial pose, of its newest release (nav2_ros_common)."""
    p, q = message.pose.pose.position, message.pose.pose.orientation
    numbers = [p.x, p.y, p.z, q.x, q.y, q.z, q.w, *message.pose.covariance]
    return (
        all(math.isfinite(number) for number in numbers)
        and message.header.stamp.nanosec < 10**9
        and message.header.frame_id != ""
        and abs(q.x**2 + q.y**2 + q.z**2 + q.w**2 - 1.0) < 1e-4
        and all(0.0 <= element <= 1e9 for element in message.pose.covariance)
    )


def started(bench, name, **settings):
    bench.connect(name, **settings)
    return bench.hear(PoseWithCovarianceStamped, TOPIC[name], DEPTH[name])


def told(bench, heard, number, *matches):
    """Tell of the matches; the stack hears this many messages, and no more."""
    for match in matches:
        bench.adapters.localized(match)
    bench.wait_for(lambda: len(heard) >= number, f"{number} poses")
    bench.spin_for(0.15)
    assert len(heard) == number


@pytest.mark.parametrize("name", RESET)
def test_the_first_match_after_activation_is_sent_and_no_other(bench, name):
    heard = started(bench, name)
    told(bench, heard, 1, place_match(12, 5.0), place_match(13, 6.0), place_match(14, 7.0))
    (pose,) = heard
    assert pose.header.frame_id == "map"
    assert (
        stamp_to_ns(pose.header.stamp) == START + 5 * S
    )  # of the image, so that motion since counts
    position = pose.pose.pose.position
    assert (position.x, position.y, position.z) == (3.0, -4.0, 0.5)
    assert pose.pose.pose.orientation.z == pytest.approx(math.sqrt(0.5))
    assert bench.facts["sent"] == "1"


@pytest.mark.parametrize("name", RESET)
def test_the_covariance_is_the_size_of_a_place_and_diagonal(bench, name):
    heard = started(bench, name)
    told(bench, heard, 1, place_match())
    covariance = heard[0].pose.covariance
    assert list(covariance[::7]) == pytest.approx([25.0] * 3 + [0.25] * 3)  # half of 10 m; 0.5 rad
    assert sum(element != 0.0 for element in covariance) == 6
    assert nav2_accepts(heard[0])


@pytest.mark.parametrize(("settings", "expected"), [
    ({"position_sigma": 0.8, "heading_sigma": 0.1}, (0.64, 0.01)),
    ({"position_sigma": 10000.0, "heading_sigma": math.pi}, (1e8, math.pi**2)),
])  # fmt: skip
def test_nav2_accepts_whatever_can_be_configured(bench, settings, expected):
    heard = started(bench, "nav2_amcl", **settings)
    told(bench, heard, 1, place_match(length=1.3))  # a quaternion that is not of unit norm
    assert nav2_accepts(heard[0])
    assert (heard[0].pose.covariance[0], heard[0].pose.covariance[35]) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["nav2_amcl", "slam_toolbox"])
def test_navigation_asks_and_the_next_match_answers(bench, name):
    heard = started(bench, name, initial_pose="request")
    told(bench, heard, 0, place_match())
    bench.call(Empty, "reinitialize_global_localization")
    told(bench, heard, 1, place_match(second=6.0), place_match(second=7.0))
    assert stamp_to_ns(heard[0].header.stamp) == START + 6 * S
    bench.call(Empty, "reinitialize_global_localization")
    told(bench, heard, 2, place_match(second=8.0))


@pytest.mark.parametrize("way", ["topic", "service"])
def test_isaac_is_triggered_by_topic_and_by_service(bench, way):
    heard = started(bench, "isaac_vgl", initial_pose="request")
    told(bench, heard, 0, place_match())
    if way == "topic":
        bench.publisher(PoseWithCovarianceStamped, TRIGGER).publish(PoseWithCovarianceStamped())
        bench.spin_for(0.3)
    else:
        answer = bench.call(Trigger, TRIGGER)
        assert answer.success
        assert "visual_localization/pose" in answer.message
    told(bench, heard, 1, place_match(second=6.0), place_match(second=7.0))


@pytest.mark.parametrize("name", RESET)
def test_always_means_every_accepted_match(bench, name):
    heard = started(bench, name, initial_pose="always")
    for number in range(1, 4):
        told(bench, heard, number, place_match(second=float(number)))


def test_amcl_that_knows_its_pose_is_reset_only_when_asked(bench):
    heard = started(bench, "nav2_amcl")
    estimate = PoseWithCovarianceStamped()
    estimate.pose.covariance[0] = estimate.pose.covariance[7] = 0.2
    estimate.pose.covariance[35] = 0.05
    bench.publisher(PoseWithCovarianceStamped, "amcl_pose", LATCHED).publish(estimate)
    bench.spin_for(0.3)
    told(bench, heard, 0, place_match())
    bench.call(Empty, "reinitialize_global_localization")
    told(bench, heard, 1, place_match())


def test_amcl_that_is_spread_over_the_map_is_told(bench):
    heard = started(bench, "nav2_amcl")
    estimate = PoseWithCovarianceStamped()
    estimate.pose.covariance[0] = estimate.pose.covariance[7] = 400.0
    estimate.pose.covariance[35] = 3.0
    bench.publisher(PoseWithCovarianceStamped, "amcl_pose", LATCHED).publish(estimate)
    bench.spin_for(0.3)
    told(bench, heard, 1, place_match())


@pytest.mark.parametrize("verdict", [PlaceMatch.AMBIGUOUS, PlaceMatch.UNKNOWN])
def test_only_accepted_matches_count(bench, verdict):
    heard = started(bench, "nav2_amcl", initial_pose="always")
    told(bench, heard, 0, place_match(verdict=verdict))


@pytest.mark.parametrize(("changes", "why"), [
    ({"has_pose": False}, "keyframe 12 has no pose"),
    ({"frame": ""}, "names no frame: set slam.frame"),
    ({"length": 0.0}, "zero quaternion"),
    ({"length": math.nan}, "not finite"),
])  # fmt: skip
def test_a_pose_that_cannot_be_is_refused_and_the_wish_stays(bench, changes, why):
    heard = started(bench, "nav2_amcl")
    told(bench, heard, 0, place_match(**changes))
    assert why in bench.facts["last refusal"]
    assert bench.facts["refused"] == "1"
    told(bench, heard, 1, place_match())


def test_the_wish_stays_until_somebody_listens(bench):
    bench.connect("nav2_amcl")
    bench.adapters.localized(place_match())
    assert "nobody subscribes to /initialpose" in bench.facts["last refusal"]
    heard = bench.hear(PoseWithCovarianceStamped, "initialpose")
    told(bench, heard, 1, place_match())


def test_another_name_of_the_frame(bench):
    heard = started(bench, "nav2_amcl", frame="world")
    told(bench, heard, 1, place_match(frame="odom"))
    assert heard[0].header.frame_id == "world"


def test_robot_localization_hears_one_pose_for_each_keyframe(bench):
    bench.connect("robot_localization")
    queue = QoSProfile(depth=2, reliability=qos_profile_sensor_data.reliability)
    heard = bench.hear(PoseWithCovarianceStamped, "/places/pose", queue)
    told(bench, heard, 1, place_match(12, 5.0), place_match(12, 5.1), place_match(12, 5.2))
    told(bench, heard, 2, place_match(13, 5.3))
    told(bench, heard, 3, place_match(12, 5.4))
    assert [stamp_to_ns(pose.header.stamp) - START for pose in heard] == [
        5 * S, 5_300_000_000, 5_400_000_000
    ]  # fmt: skip
    assert all(nav2_accepts(pose) for pose in heard)
    bench.adapters.localized(place_match(14, has_pose=False))
    assert "keyframe 14 has no pose" in bench.facts["last refusal"]


def test_nothing_stays_in_the_graph_after_closing(bench):
    bench.connect("nav2_amcl").close()
    bench.spin_for(0.3)
    assert bench.stack.count_publishers("/initialpose") == 0
    assert bench.stack.count_subscribers("/amcl_pose") == 0
    names = [name for name, _ in bench.stack.get_service_names_and_types()]
    assert "/reinitialize_global_localization" not in names
