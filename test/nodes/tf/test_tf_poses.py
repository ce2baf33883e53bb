# SPDX-License-Identifier: Apache-2.0
"""An image's pose by TF, from the real tf2_ros: waited for, never extrapolated."""

import threading

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")
pytest.importorskip("tf2_ros", reason="TF needs ros-$ROS_DISTRO-tf2-ros-py")

from tf_harness import LATCHED, TfBench, entities, transform

from vpr_ros.config import LocalizerConfig, with_settings
from vpr_ros.nodes.tf.tf_poses import TfPoses

S = 10**9


def ns(second):
    return round(second * S)


@pytest.fixture
def bench(ros):
    bench = TfBench()
    yield bench
    bench.close()


@pytest.fixture
def poses(bench):
    poses = TfPoses(bench.node, LocalizerConfig(pose_type="tf", pose_gap=0.5))
    yield poses
    poses.close()


def told(poses, *transforms):
    for each in transforms:
        poses.set_transform(each, "test")


def driving(start, stop, parent="odom", child="base_link"):
    """A robot at 1 m/s that says where it is ten times a second."""
    times = [start + number / 10 for number in range(round((stop - start) * 10) + 1)]
    return [transform(parent, child, second, x=second) for second in times]


def test_a_pose_comes_over_the_topics(bench, poses):
    bench.publisher()(*driving(10, 11))
    bench.publisher("/tf_static", LATCHED)(transform("base_link", "camera", 0, x=0.2))
    pose = bench.wait_for(lambda: poses.at(ns(10.25), timeout=0.0), "the pose")
    assert pose.position == pytest.approx((10.25, 0.0, 0.0))
    assert pose.orientation == pytest.approx((0.0, 0.0, 0.0, 1.0))
    assert pose.frame_id == "odom"


def test_poses_in_the_map_through_a_footprint(bench):
    config = LocalizerConfig(pose_type="tf", pose_gap=0.5)
    poses = TfPoses(bench.node, with_settings(config, {"tf.pose_frame": "map"}))
    told(poses, *driving(10, 11, child="base_footprint"))
    poses.set_transform_static(transform("base_footprint", "base_link", 0, x=0.5), "test")
    assert poses.at(ns(10.25), timeout=0.0) is None
    assert poses.last_error == "TF does not connect 'base_link' with 'map'"
    told(poses, *(transform("map", "odom", second, x=100.0) for second in (10, 10.4)))
    pose = poses.at(ns(10.25), timeout=0.0)
    assert (pose.position[0], pose.frame_id) == (pytest.approx(110.75), "map")
    poses.close()


def test_a_pose_that_is_there_is_not_waited_for(poses, waits):
    told(poses, *driving(10, 11))
    pose = poses.at(ns(11), timeout=5.0)
    assert pose.position[0] == pytest.approx(11.0)
    assert waits == []


def test_a_pose_on_its_way_is_waited_for(poses, waits):
    told(poses, *driving(10, 11))
    waits.meanwhile = [lambda: told(poses, *driving(11.1, 11.3))]
    pose = poses.at(ns(11.25), timeout=60.0)
    assert pose.position[0] == pytest.approx(11.25)
    assert waits == [60.0]


def test_nothing_is_extrapolated(poses, waits):
    told(poses, *driving(10, 11))
    assert poses.at(ns(11.05), timeout=0.2) is None
    assert waits[0] == 0.2
    assert poses.last_error == "TF's odom -> base_link ends 0.050 s before the image"
    waits.clear()
    assert poses.at(ns(9.95), timeout=5.0) is None
    assert waits == []


def test_an_image_without_a_stamp_has_no_pose_though_tf2_would_give_the_latest(poses):
    told(poses, *driving(10, 11))
    assert poses.at(0, timeout=0.0) is None
    assert poses.last_error == "the image has no stamp"


def test_a_gap_is_not_interpolated_though_tf2_would(poses):
    told(poses, *driving(10, 11), *driving(12, 13))
    assert poses.at(ns(11.5), timeout=0.0) is None
    assert "says nothing for 1.000 s" in poses.last_error
    assert poses.at(ns(12.5), timeout=0.0).position[0] == pytest.approx(12.5)


def test_a_transform_that_cannot_be_is_refused(poses):
    told(poses, *driving(10, 11))
    told(poses, transform("odom", "base_link", 11.1, x=float("inf")))
    assert poses.at(ns(11.1), timeout=0.0) is None
    assert poses.refused == 1
    assert "not finite" in poses.last_error


def test_what_tf2_refuses_is_no_pose_either(poses):
    broken = transform("odom", "base_link", 10.05)
    broken.transform.rotation.w = 0.0
    told(poses, broken)
    assert poses.at(ns(10.05), timeout=0.0) is None
    assert poses.last_error


def test_a_bag_that_starts_over_is_followed(poses):
    """tf2 alone keeps what it has for longer than this jump, and drops all that is older."""
    told(poses, *driving(100, 101), *driving(10, 11))
    assert poses.at(ns(10.25), timeout=0.0).position[0] == pytest.approx(10.25)
    assert poses.at(ns(100.25), timeout=0.0) is None


def test_what_is_fixed_outlives_a_jump(bench):
    config = with_settings(LocalizerConfig(pose_gap=0.5), {"tf.base_frame": "camera"})
    poses = TfPoses(bench.node, config)
    poses.set_transform_static(transform("base_link", "camera", 0, x=0.2), "test")
    told(poses, *driving(100, 101), *driving(10, 11))
    assert poses.at(ns(10.25), timeout=0.0).position[0] == pytest.approx(10.45)
    poses.close()


def test_a_namespace_may_keep_tf_to_itself(ros):
    """As Nav2 remaps it: /tf:=tf."""
    bench = TfBench("-r", "__ns:=/robot1", "-r", "/tf:=tf", "-r", "/tf_static:=tf_static")
    poses = TfPoses(bench.node, LocalizerConfig())
    everybodys = bench.node.count_subscribers("/tf")
    bench.publisher("/robot1/tf")(*driving(10, 11))
    assert bench.wait_for(lambda: poses.at(ns(10.5), timeout=0.0), "the pose")
    assert everybodys == 0
    poses.close()
    bench.close()


def test_nothing_is_left_behind(bench):
    before, threads = entities(bench.node), threading.active_count()
    for _ in range(3):
        poses = TfPoses(bench.node, LocalizerConfig())
        assert entities(bench.node) != before
        assert threading.active_count() == threads
        poses.close()
    assert entities(bench.node) == before
