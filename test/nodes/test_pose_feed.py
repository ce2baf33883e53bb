# SPDX-License-Identifier: Apache-2.0
"""An image waits for its pose, but never longer than it may."""

import math

import pytest
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry

from vpr_ros.config import MapperConfig, settings_of
from vpr_ros.nodes.conversions import ns_to_stamp
from vpr_ros.nodes.pose_feed import POSE_SOURCES, PoseFeed

S = 10**9


def odometry(second, x=None, frame="odom"):
    message = Odometry()
    message.header.stamp = ns_to_stamp(round(second * S))
    message.header.frame_id = frame
    message.pose.pose.position.x = float(second if x is None else x)
    message.pose.pose.orientation.w = 1.0
    return message


@pytest.fixture
def feed():
    """A robot at 1 m/s, heard at 10 s and 10.1 s."""
    feed = PoseFeed(max_gap=0.5)
    feed.take(odometry(10.0))
    feed.take(odometry(10.1))
    return feed


def test_a_pose_that_is_there_is_not_waited_for(feed, waits):
    pose = feed.at(round(10.05 * S), timeout=5.0)
    assert pose.position[0] == pytest.approx(10.05)
    assert waits == []


def test_the_newest_pose_is_enough_for_an_image_of_its_stamp(feed, waits):
    pose = feed.at(round(10.1 * S), timeout=5.0)
    assert pose.position[0] == pytest.approx(10.1)
    assert waits == []


def test_a_pose_on_its_way_is_waited_for(feed, waits):
    waits.meanwhile = [lambda: feed.take(odometry(10.2))]
    pose = feed.at(round(10.15 * S), timeout=60.0)
    assert pose.position[0] == pytest.approx(10.15)
    assert waits == [60.0]


def test_a_pose_that_never_comes_is_not_waited_for_any_longer(feed, waits):
    assert feed.at(11 * S, timeout=0.1) is None
    assert waits[0] == 0.1
    assert sum(waits) < 0.2, "what is left of it, whenever a wait ends early"


def test_poses_that_come_but_not_far_enough_end_no_wait_early(feed, waits):
    waits.meanwhile = [lambda: feed.take(odometry(10.12))]
    assert feed.at(round(10.2 * S), timeout=0.2) is None
    assert len(waits) >= 2


def test_an_image_older_than_every_pose_has_none_at_once(feed, waits):
    assert feed.at(9 * S, timeout=5.0) is None
    assert waits == []


def test_poses_too_far_apart_are_not_interpolated(feed):
    feed.take(odometry(10.7))
    assert feed.at(round(10.4 * S), timeout=0.0) is None


def test_a_pose_that_cannot_be_is_counted_and_changes_nothing(feed):
    feed.take(odometry(10.2, x=math.nan))
    zero = odometry(10.3)
    zero.pose.pose.orientation.w = 0.0
    feed.take(zero)
    assert feed.refused == 2
    assert "zero quaternion" in feed.last_error
    assert feed.at(round(10.1 * S), timeout=0.0).position[0] == pytest.approx(10.1)
    assert feed.at(round(10.2 * S), timeout=0.0) is None


def test_a_bag_that_starts_over_is_followed(feed):
    feed.take(odometry(1.0))
    feed.take(odometry(1.1))
    assert feed.at(round(1.05 * S), timeout=0.0).position[0] == pytest.approx(1.05)
    assert feed.at(round(10.05 * S), timeout=0.0) is None


@pytest.mark.parametrize("kind", [PoseStamped, PoseWithCovarianceStamped])
def test_every_kind_of_pose_is_taken(kind):
    feed, message = PoseFeed(max_gap=0.5), kind()
    pose = message.pose if kind is PoseStamped else message.pose.pose
    pose.orientation.w = 1.0
    message.header.frame_id = "map"
    feed.take(message)
    assert feed.at(0, timeout=0.0).frame_id == "map"


def test_every_pose_type_of_the_settings_has_a_topic_unless_it_is_tf():
    (choices,) = [s.choices for name, _, s in settings_of(MapperConfig()) if name == "pose_type"]
    assert set(choices) - {"none", "tf"} == set(POSE_SOURCES)


def test_who_waits_is_told_of_every_pose_and_why_there_is_none():
    told = []
    feed = PoseFeed(0.5, lambda: told.append(feed.reaches(10 * S)))
    assert feed.why_not(10 * S).cause == "none"
    feed.take(odometry(9.9))
    feed.take(odometry(10.0))
    assert told == [False, True]
    assert feed.why_not(11 * S).cause == "far"
