# SPDX-License-Identifier: Apache-2.0
"""A stack that is sure of a wrong pose: it is corrected once, and what becomes of it is told."""

import pytest

pytest.importorskip("rclpy", reason="the adapters need ROS 2")

from geometry_msgs.msg import PoseWithCovarianceStamped
from rcl_interfaces.msg import Log
from rclpy.logging import LoggingSeverity
from slam_harness import LATCHED, START, S, answer
from std_srvs.srv import Empty

from vpr_ros.nodes.conversions import ns_to_stamp, stamp_to_ns

OWN_POSE = {"nav2_amcl": ("amcl_pose", LATCHED), "slam_toolbox": ("pose", 10)}


class Stack:
    """Says that it is sure to be at x = 500 m; one that listens goes where it is sent."""

    def __init__(self, bench, name="nav2_amcl", listens=True, hears=True, **settings):
        self.bench, self.listens = bench, listens
        bench.connect(name, **settings)
        self.heard = bench.hear(PoseWithCovarianceStamped, "initialpose") if hears else []
        self.poses = bench.publisher(PoseWithCovarianceStamped, *OWN_POSE[name])
        self.x, self.y = 500.0, 0.0

    def tell(self, second, frame="map"):
        """The stack tells its pose, and the adapter has heard it."""
        message = PoseWithCovarianceStamped()
        message.header.frame_id = frame
        message.header.stamp = ns_to_stamp(START + round(second * S))
        position, q = message.pose.pose.position, message.pose.pose.orientation
        (position.x, position.y), (q.z, q.w) = (self.x, self.y), (0.5**0.5, 0.5**0.5)
        for element, variance in ((0, 0.25), (7, 0.25), (35, 0.07)):
            message.pose.covariance[element] = variance
        self.poses.publish(message)
        self.bench.spin_for(0.05)

    def drive(self, seconds, **match):
        """In each second the stack tells its pose, and the localizer accepts a match."""
        for second in seconds:
            if self.heard and self.listens:
                sent = self.heard[-1].pose.pose.position
                self.x, self.y = sent.x, sent.y
            self.tell(second)
            self.bench.adapters.localized(answer(second=second, **match))
            self.bench.spin_for(0.05)

    @property
    def words(self):
        return self.bench.facts["pose"]

    @property
    def warnings(self):
        return self.bench.adapters.warnings()


@pytest.mark.parametrize("initial_pose", ["once", "request"])
def test_amcl_that_was_started_elsewhere_is_corrected_and_then_left_alone(bench, initial_pose):
    amcl = Stack(bench, initial_pose=initial_pose)
    amcl.drive(range(4))
    assert amcl.heard == []
    assert amcl.words == "agrees"
    amcl.drive(range(4, 20))
    (sent,) = amcl.heard
    assert stamp_to_ns(sent.header.stamp) == START + 4 * S  # the newest match
    assert (sent.pose.pose.position.x, sent.pose.pose.position.y) == (3.0, -4.0)
    assert (amcl.words, amcl.warnings) == ("agrees", [])


def test_amcl_that_spoke_once_long_ago_is_corrected(bench):
    """As a robot that stands where it was switched on: AMCL is silent until it moves."""
    amcl = Stack(bench)
    amcl.tell(-3600.0)
    for second in range(10):
        bench.adapters.localized(answer(second=second))
    bench.wait_for(lambda: amcl.heard, "a correction")
    bench.spin_for(0.3)
    assert len(amcl.heard) == 1


def test_amcl_that_does_not_listen_is_lost_until_somebody_asks(bench):
    amcl = Stack(bench, listens=False)
    amcl.drive(range(5))
    assert amcl.words == "disagrees by 497 m and 0.00 rad"
    assert amcl.warnings == ["nav2_amcl pose: disagrees by 497 m and 0.00 rad"]
    amcl.drive(range(5, 25))
    assert len(amcl.heard) == 1
    assert amcl.words == "lost, still off by 497 m and 0.00 rad"
    assert amcl.warnings == ["nav2_amcl pose: lost, still off by 497 m and 0.00 rad"]
    bench.call(Empty, "reinitialize_global_localization")
    amcl.listens = True
    amcl.drive(range(25, 35))
    assert len(amcl.heard) == 2
    assert amcl.words == "agrees"


def test_a_second_kidnapping_is_corrected_too(bench):
    amcl = Stack(bench)
    amcl.drive(range(12))
    amcl.listens, amcl.x = False, 200.0
    amcl.drive(range(12, 25))
    assert len(amcl.heard) == 2


def test_each_change_is_logged_once_as_a_warning_with_numbers(bench):
    amcl = Stack(bench, listens=False)
    logged = []
    bench.stack.create_subscription(Log, "/rosout", logged.append, 100)
    amcl.drive(range(20))
    bench.wait_for(lambda: len(warned(logged)) >= 2, "two warnings")
    bench.spin_for(0.3)
    by = "by 5 matches in a row up to keyframe 12 of monday"
    assert warned(logged) == [
        f"nav2_amcl pose: disagrees by 497 m and 0.00 rad, {by}",
        f"nav2_amcl pose: lost, still off by 497 m and 0.00 rad, {by}",
    ]


def warned(logged):
    warnings = [log.msg for log in logged if log.level == LoggingSeverity.WARN]
    return [message for message in warnings if "in a row" in message]


def test_slam_toolbox_is_watched_by_the_pose_of_its_scans(bench):
    toolbox = Stack(bench, "slam_toolbox")
    toolbox.drive(range(12))
    assert len(toolbox.heard) == 1
    assert toolbox.words == "agrees"


def test_never_means_that_it_is_told_and_not_corrected(bench):
    amcl = Stack(bench, initial_pose="never")
    amcl.drive(range(12))
    bench.call(Empty, "reinitialize_global_localization")
    assert "slam.initial_pose is never" in bench.facts["last refusal"]
    amcl.drive(range(12, 14))
    assert amcl.heard == []
    assert amcl.words.startswith("lost")


def test_a_stack_that_is_sent_every_match_and_hears_none_is_lost_too(bench):
    amcl = Stack(bench, listens=False, initial_pose="always")
    amcl.drive(range(12))
    assert len(amcl.heard) == 12
    assert amcl.words.startswith("lost")


def test_the_number_of_matches_is_a_setting(bench):
    amcl = Stack(bench, disagreements=2)
    amcl.drive(range(2))
    bench.wait_for(lambda: len(amcl.heard) == 1, "the correction")


@pytest.mark.parametrize("match", [{"frame": None}, {"frame": "odom"}])
def test_matches_without_a_pose_in_the_stacks_frame_count_for_nothing(bench, match):
    amcl = Stack(bench)
    amcl.drive(range(12), **match)
    assert amcl.heard == []
    assert amcl.words.startswith("not compared")
    assert amcl.warnings == []


def test_a_correction_waits_until_somebody_listens(bench):
    amcl = Stack(bench, hears=False, initial_pose="request")
    amcl.drive(range(12))
    assert "nobody subscribes to /initialpose" in bench.facts["last refusal"]
    amcl.heard = bench.hear(PoseWithCovarianceStamped, "initialpose")
    amcl.drive(range(12, 20))
    assert len(amcl.heard) == 1


def test_a_pose_that_cannot_be_is_refused(bench):
    amcl = Stack(bench)
    amcl.x = float("nan")
    amcl.tell(0.0)
    assert "amcl_pose is not used: pose in 'map' is not finite" in bench.facts["last refusal"]
    assert amcl.words == "not compared: no match yet"


def test_activation_begins_anew(bench):
    amcl = Stack(bench, listens=False, initial_pose="request")
    amcl.drive(range(12))
    bench.adapters.activate()
    assert amcl.words == "not compared: no match yet"
    amcl.drive(range(12, 18))
    assert len(amcl.heard) == 2
