# SPDX-License-Identifier: Apache-2.0
"""Stacks that are told a pose: what they hear, when, and what is never sent to them."""

import math

import pytest

pytest.importorskip("rclpy", reason="the adapters need ROS 2")

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from slam_harness import LATCHED, START, S, answer, estimate
from std_srvs.srv import Empty, Trigger

from vpr_ros.config import SlamConfig
from vpr_ros.datatypes import Verdict
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.slam.place_pose import place_pose

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


def told(bench, heard, number, *answers):
    """Tell of the answers; the stack hears this many messages, and no more."""
    for recognition in answers:
        bench.adapters.localized(recognition)
    bench.wait_for(lambda: len(heard) >= number, f"{number} poses")
    bench.spin_for(0.15)
    assert len(heard) == number


@pytest.mark.parametrize("name", RESET)
def test_the_first_match_after_activation_is_sent_and_no_other(bench, name):
    heard = started(bench, name)
    told(bench, heard, 1, answer(12, 5.0), answer(13, 6.0), answer(14, 7.0))
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
    told(bench, heard, 1, answer())
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
    told(bench, heard, 1, answer(length=1.3))  # a quaternion that is not of unit norm
    assert nav2_accepts(heard[0])
    assert (heard[0].pose.covariance[0], heard[0].pose.covariance[35]) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["nav2_amcl", "slam_toolbox"])
def test_navigation_asks_and_the_next_match_answers(bench, name):
    heard = started(bench, name, initial_pose="request")
    told(bench, heard, 0, answer())
    bench.call(Empty, "reinitialize_global_localization")
    told(bench, heard, 1, answer(second=6.0), answer(second=7.0))
    assert stamp_to_ns(heard[0].header.stamp) == START + 6 * S
    bench.call(Empty, "reinitialize_global_localization")
    told(bench, heard, 2, answer(second=8.0))


@pytest.mark.parametrize("way", ["topic", "service"])
def test_isaac_is_triggered_by_topic_and_by_service(bench, way):
    heard = started(bench, "isaac_vgl", initial_pose="request")
    told(bench, heard, 0, answer())
    if way == "topic":
        bench.publisher(PoseWithCovarianceStamped, TRIGGER).publish(PoseWithCovarianceStamped())
        bench.spin_for(0.3)
    else:
        response = bench.call(Trigger, TRIGGER)
        assert response.success
        assert "visual_localization/pose" in response.message
    told(bench, heard, 1, answer(second=6.0), answer(second=7.0))


def test_isaac_is_told_that_nothing_will_come(bench):
    heard = started(bench, "isaac_vgl", initial_pose="never")
    response = bench.call(Trigger, TRIGGER)
    assert not response.success
    assert response.message == "slam.initial_pose is never"
    told(bench, heard, 0, answer())


@pytest.mark.parametrize("name", RESET)
def test_always_means_every_accepted_match(bench, name):
    heard = started(bench, name, initial_pose="always")
    for number in range(1, 4):
        told(bench, heard, number, answer(second=float(number)))


def test_amcl_that_knows_its_pose_is_reset_only_when_asked(bench):
    heard = started(bench, "nav2_amcl")
    estimate = PoseWithCovarianceStamped()
    estimate.pose.covariance[0] = estimate.pose.covariance[7] = 0.2
    estimate.pose.covariance[35] = 0.05
    bench.publisher(PoseWithCovarianceStamped, "amcl_pose", LATCHED).publish(estimate)
    bench.spin_for(0.3)
    told(bench, heard, 0, answer())
    bench.call(Empty, "reinitialize_global_localization")
    told(bench, heard, 1, answer())


def test_amcl_that_is_spread_over_the_map_is_told(bench):
    heard = started(bench, "nav2_amcl")
    estimate = PoseWithCovarianceStamped()
    estimate.pose.covariance[0] = estimate.pose.covariance[7] = 400.0
    estimate.pose.covariance[35] = 3.0
    bench.publisher(PoseWithCovarianceStamped, "amcl_pose", LATCHED).publish(estimate)
    bench.spin_for(0.3)
    told(bench, heard, 1, answer())


@pytest.mark.parametrize("verdict", [Verdict.AMBIGUOUS, Verdict.UNKNOWN])
def test_only_accepted_matches_count(bench, verdict):
    heard = started(bench, "nav2_amcl", initial_pose="always")
    told(bench, heard, 0, answer(verdict=verdict))


@pytest.mark.parametrize(("changes", "why"), [
    ({"frame": None}, "keyframe 12 of monday has no pose"),
    ({"frame": ""}, "names no frame: set slam.frame"),
    ({"length": 0.0}, "zero quaternion"),
    ({"length": math.nan}, "not finite"),
])  # fmt: skip
def test_a_pose_that_cannot_be_is_refused_and_the_wish_stays(bench, changes, why):
    heard = started(bench, "nav2_amcl")
    told(bench, heard, 0, answer(**changes))
    assert why in bench.facts["last refusal"]
    assert bench.facts["refused"] == "1"
    told(bench, heard, 1, answer())


def test_the_wish_stays_until_somebody_listens(bench):
    bench.connect("nav2_amcl")
    bench.adapters.localized(answer())
    assert "nobody subscribes to /initialpose" in bench.facts["last refusal"]
    heard = bench.hear(PoseWithCovarianceStamped, "initialpose")
    told(bench, heard, 1, answer())


def test_another_name_of_the_frame(bench):
    heard = started(bench, "nav2_amcl", frame="world")
    told(bench, heard, 1, answer(frame="odom"))
    assert heard[0].header.frame_id == "world"


def test_robot_localization_hears_one_pose_for_each_keyframe(bench):
    bench.connect("robot_localization")
    queue = QoSProfile(depth=2, reliability=qos_profile_sensor_data.reliability)
    heard = bench.hear(PoseWithCovarianceStamped, "/places/pose", queue)
    told(bench, heard, 1, answer(12, 5.0), answer(12, 5.1), answer(12, 5.2))
    told(bench, heard, 2, answer(13, 5.3))
    told(bench, heard, 3, answer(12, 5.4))
    assert [stamp_to_ns(pose.header.stamp) - START for pose in heard] == [
        5 * S, 5_300_000_000, 5_400_000_000
    ]  # fmt: skip
    assert all(nav2_accepts(pose) for pose in heard)
    bench.adapters.localized(answer(14, frame=None))
    assert "keyframe 14 of monday has no pose" in bench.facts["last refusal"]


@pytest.mark.parametrize("name", RESET)
def test_a_measured_pose_goes_before_the_keyframes(bench, name):
    heard = started(bench, name)
    told(bench, heard, 1, answer(measured=estimate()))
    (pose,) = heard
    position = pose.pose.pose.position
    assert (position.x, position.y, position.z) == (1.5, 2.0, 0.0)
    assert stamp_to_ns(pose.header.stamp) == START + 5 * S
    assert list(pose.pose.covariance[::7]) == pytest.approx([0.01, 0.04, 0.09, 1e-4, 4e-4, 9e-4])
    assert nav2_accepts(pose)  # which refuses negative elements: what is correlated is left out


def test_a_keyframe_without_pose_is_no_hindrance_where_one_was_measured(bench):
    heard = started(bench, "nav2_amcl", frame="world")
    told(bench, heard, 1, answer(frame=None, measured=estimate(frame="map")))
    assert heard[0].header.frame_id == "world"


def test_a_covariance_that_was_not_measured_is_not_made_up(bench):
    heard = started(bench, "nav2_amcl")
    told(bench, heard, 0, answer(measured=estimate(variances=(0.0,) * 6)))
    assert "covariance is not filled in" in bench.facts["last refusal"]


def test_robot_localization_hears_every_measured_pose(bench):
    bench.connect("robot_localization")
    heard = bench.hear(PoseWithCovarianceStamped, "/places/pose")
    told(bench, heard, 1, answer(12, 5.0))
    told(bench, heard, 2, answer(12, 5.1, measured=estimate(1.5)))
    told(bench, heard, 3, answer(12, 5.2, measured=estimate(1.7)), answer(12, 5.3))
    assert [pose.pose.pose.position.x for pose in heard] == [3.0, 1.5, 1.7]


def test_the_words_say_whether_it_was_measured():
    settings = SlamConfig(position_sigma=5.0)
    assert place_pose(answer(), settings).words == (
        "sent the pose of keyframe 12 of monday for the place, not measured at the image: standard "
        "deviation 5 m and 0.5 rad"
    )
    assert place_pose(answer(measured=estimate()), settings).words == (
        "sent the pose measured at the image by keyframe 12 of monday: standard deviation 0.3 m "
        "and 0.03 rad"
    )


def test_nothing_stays_in_the_graph_after_closing(bench):
    bench.connect("nav2_amcl").close()
    bench.spin_for(0.3)
    assert bench.stack.count_publishers("/initialpose") == 0
    assert bench.stack.count_subscribers("/amcl_pose") == 0
    names = [name for name, _ in bench.stack.get_service_names_and_types()]
    assert "/reinitialize_global_localization" not in names
