# SPDX-License-Identifier: Apache-2.0
"""map -> odom puts the robot where the matched keyframe was recorded, and nothing is made up."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock
from tf_harness import TfBench, entities

from vpr_ros.config import LocalizerConfig, with_settings
from vpr_ros.datatypes import (
    Candidate,
    KeyframeKey,
    KeyframeRecord,
    Pose,
    PoseEstimate,
    Recognition,
    Verdict,
)
from vpr_ros.geometry.poses import angle, checked_pose, distance
from vpr_ros.geometry.transforms import RigidTransform
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.slam import SlamAdapters
from vpr_ros.nodes.tf.map_to_odom import MapToOdom, map_to_odom

S = 10**9
LEFT = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))
AHEAD = (0.0, 0.0, 0.0, 1.0)

number = st.floats(-50.0, 50.0)
turn = st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: math.hypot(*q) > 0.05)
poses = st.builds(lambda p, q: checked_pose(p, q, ""), st.tuples(number, number, number), turn)


@given(poses, poses)
def test_odometry_seen_from_the_map_is_where_the_place_is(in_map, in_odom):
    there = (map_to_odom(in_map, in_odom) @ RigidTransform.of_pose(in_odom)).as_pose("")
    assert distance(there, in_map) < 1e-9
    assert angle(there, in_map) < 1e-6


def test_a_worked_case():
    """In the map the robot looks left at (3, -4); odometry says it drove 2 m and never turned."""
    found = map_to_odom(Pose((3.0, -4.0, 0.0), LEFT, "map"), Pose((2.0, 0.0, 0.0), AHEAD, "odom"))
    assert found.as_pose("map").position == pytest.approx((3.0, -6.0, 0.0))
    assert found.as_pose("map").orientation == pytest.approx(LEFT)


class Sender:
    """The broadcaster on a bench, with odometry that a test sets."""

    def __init__(self, bench, **settings):
        values = {name.replace("__", "."): value for name, value in settings.items()}
        values = {"tf.broadcast": True, "tf.broadcast_period": 0.02, **values}
        self.odometry = Pose((2.0, 0.0, 0.0), AHEAD, "odom")
        self.asked = []
        config = with_settings(LocalizerConfig(), values)
        self._adapters = SlamAdapters([MapToOdom(bench.node, config, self._at)])

    def _at(self, stamp_ns):
        self.asked.append(stamp_ns)
        return self.odometry

    def match(self, second=5.0, verdict=Verdict.ACCEPTED, frame="map", x=3.0, measured=None):
        pose = None if frame is None else Pose((x, -4.0, 0.0), LEFT, frame)
        best = Candidate(KeyframeRecord(KeyframeKey("map", 12), "monday", 0, pose), 0.9)
        stamp_ns = round(second * S)
        self._adapters.localized(
            Recognition(stamp_ns, verdict, "", 0.98, (best,), {}, pose=measured)
        )

    @property
    def facts(self):
        return {k.partition(" ")[2]: v for k, v in self._adapters.facts().items()}

    def close(self):
        self._adapters.close()


@pytest.fixture
def bench(ros):
    pytest.importorskip("tf2_ros", reason="TF needs ros-$ROS_DISTRO-tf2-ros-py")
    bench = TfBench()
    yield bench
    bench.close()


@pytest.fixture
def sender(bench):
    sender = Sender(bench)
    yield sender
    sender.close()


def test_nothing_is_sent_before_the_first_accepted_match(bench, sender):
    heard = bench.hear()
    sender.match(verdict=Verdict.AMBIGUOUS)
    sender.match(verdict=Verdict.UNKNOWN)
    bench.spin_for(0.3)
    assert heard == []
    assert sender.facts == {"sent": "0", "refused": "0", "last refusal": "", "by": ""}


def test_the_last_match_is_sent_until_the_next_one(bench, sender):
    heard = bench.hear()
    sender.match(second=5.0)
    assert sender.asked == [5 * S]
    bench.wait_for(lambda: len(heard) > 5, "transforms")
    now_ns = bench.node.get_clock().now().nanoseconds
    for each in heard:
        assert (each.header.frame_id, each.child_frame_id) == ("map", "odom")
        t, q = each.transform.translation, each.transform.rotation
        assert (t.x, t.y, t.z) == pytest.approx((3.0, -6.0, 0.0))
        assert (q.x, q.y, q.z, q.w) == pytest.approx(LEFT)
    assert heard[-1].header.stamp != heard[-2].header.stamp
    assert 0.0 < (stamp_to_ns(heard[-1].header.stamp) - now_ns) / S < 0.25  # a little ahead
    sender.match(verdict=Verdict.UNKNOWN)
    sender.match(second=6.0, x=4.0)
    bench.wait_for(lambda: heard[-1].transform.translation.x == pytest.approx(4.0), "the next")
    assert sender.facts["by"] == "keyframe 12 of monday"
    assert sender.facts["sent"] == "2"


@pytest.mark.parametrize(
    ("match", "odometry", "reason"),
    [
        ({"frame": None}, ("odom",), "keyframe 12 of monday has no pose"),
        ({"frame": "odom"}, ("odom",), "the map's poses are in 'odom', not in tf.map_frame 'map'"),
        ({"frame": ""}, ("odom",), "names no frame: set slam.frame"),
        ({}, (), "there is no odometry at the image's stamp"),
        ({}, ("odom_combined",), "odometry is in 'odom_combined', not in tf.odom_frame 'odom'"),
    ],
)
def test_a_match_that_does_not_count_is_reported_and_changes_nothing(
    bench, sender, match, odometry, reason
):
    heard = bench.hear()
    frames = [Pose((2.0, 0.0, 0.0), AHEAD, frame) for frame in odometry]
    sender.odometry = frames[0] if frames else None
    sender.match(**match)
    bench.spin_for(0.2)
    assert heard == []
    assert reason in sender.facts["last refusal"]
    assert (sender.facts["sent"], sender.facts["refused"]) == ("0", "1")


def test_a_measured_pose_goes_before_the_keyframes(bench, sender):
    heard = bench.hear()
    covariance = np.eye(6, dtype=np.float32) * 0.01
    sender.match(measured=PoseEstimate(Pose((7.0, 1.0, 0.0), AHEAD, "map"), covariance, 57, ()))
    bench.wait_for(lambda: heard, "a transform")
    t = heard[0].transform.translation
    assert (t.x, t.y, t.z) == pytest.approx((5.0, 1.0, 0.0))


def test_a_refused_match_leaves_what_was_known(bench, sender):
    heard = bench.hear()
    sender.match()
    sender.odometry = None
    sender.match(second=6.0, x=9.0)
    heard.clear()
    bench.wait_for(lambda: len(heard) > 3, "transforms")
    assert [each.transform.translation.x for each in heard] == pytest.approx([3.0] * len(heard))


def test_frames_are_those_of_the_settings(bench):
    sender = Sender(bench, tf__map_frame="hall", tf__odom_frame="wheels", slam__frame="hall")
    sender.odometry = Pose((2.0, 0.0, 0.0), AHEAD, "wheels")
    heard = bench.hear()
    sender.match(frame="odom")  # the same frame under another name, says slam.frame
    bench.wait_for(lambda: heard, "a transform")
    assert (heard[0].header.frame_id, heard[0].child_frame_id) == ("hall", "wheels")
    sender.close()


def test_tf2_finds_the_robot_in_the_map(bench, sender):
    """What a navigation stack sees, by tf2's own buffer and listener."""
    import tf2_ros
    from rclpy.time import Time as RosTime

    buffer = tf2_ros.Buffer()
    listener = tf2_ros.TransformListener(buffer, bench.other)
    sender.match()
    bench.wait_for(lambda: buffer.can_transform("map", "odom", RosTime()), "map -> odom")
    found = buffer.lookup_transform("map", "odom", RosTime()).transform
    assert found.translation.y == pytest.approx(-6.0)
    listener.unregister()


def test_a_simulation_that_starts_over_is_not_where_it_was(ros):
    pytest.importorskip("tf2_ros", reason="TF needs ros-$ROS_DISTRO-tf2-ros-py")
    bench = TfBench("-p", "use_sim_time:=true")
    sender = Sender(bench)
    heard, clock = bench.hear(), bench.other.create_publisher(Clock, "/clock", 10)

    def at(second):
        clock.publish(Clock(clock=Time(sec=int(second), nanosec=round(second % 1 * S))))
        bench.spin_for(0.05)

    def run(seconds):
        for second in seconds:
            at(second)

    bench.wait_for(clock.get_subscription_count, "a subscriber of /clock")
    run(100 + n / 10 for n in range(5))
    sender.match(second=100.4)
    run(100.5 + n / 10 for n in range(5))
    assert [stamp_to_ns(each.header.stamp) for each in heard][:1] == [round(100.7 * S)]
    run([1.0])
    heard.clear()
    run(1 + n / 10 for n in range(5))
    assert heard == []
    sender.match(second=1.4)
    run(1.5 + n / 10 for n in range(3))
    assert heard
    sender.close()
    bench.close()


def test_nothing_is_left_behind(bench):
    before = entities(bench.node)
    sender = Sender(bench)
    assert entities(bench.node) != before
    heard = bench.hear()
    sender.match()
    bench.wait_for(lambda: heard, "a transform")
    sender.close()
    assert entities(bench.node) == before
    bench.spin_for(0.2)
    heard.clear()
    bench.spin_for(0.2)
    assert heard == []
