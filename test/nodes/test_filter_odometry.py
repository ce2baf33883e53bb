# SPDX-License-Identifier: Apache-2.0
"""A sequence filter takes only odometry for motion: other poses may jump."""

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from nav_msgs.msg import Odometry
from node_harness import START_NS, pattern, pose_message, raw_message, stamped

from vpr_ros.config import LocalizerConfig, MapperConfig, with_settings
from vpr_ros.nodes.place_node import ImageFrame
from vpr_ros.nodes.route_node import RouteNode
from vpr_ros.place_map import PlaceMap

BY_TF = {"pose_type": "tf"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"pose_type": "pose"}, False),
        ({"pose_type": "pose_with_covariance"}, False),
        ({"pose_type": "none"}, False),
        (BY_TF, True),
        ({**BY_TF, "tf.pose_frame": "map"}, False),
    ],
)
def test_only_poses_that_never_jump_are_odometry(values, expected):
    assert with_settings(LocalizerConfig(), values).has_odometry is expected


def odometry(x):
    message = Odometry()
    message.pose.pose.position.x = x
    message.pose.pose.orientation.w = 1.0
    return stamped(message, START_NS, "odom")


class Spy:
    """A recognizer that remembers what it was told of the robot's motion."""

    def __init__(self, recognizer):
        self._recognizer, self.odometry = recognizer, []

    def answer(self, query, exclude=()):
        self.odometry.append(query.odometry)
        return self._recognizer.answer(query, exclude)


@pytest.mark.parametrize("mode", ["map", "slam"])
@pytest.mark.parametrize("kind", ["odometry", "pose"])
def test_a_filter_that_learns_takes_only_odometry_for_motion(ros, tmp_path, mode, kind):
    values = {"mode": mode, "pose_type": kind, "map_path": str(tmp_path / "m.vprmap")}
    node = RouteNode("learner", with_settings(MapperConfig(), values))
    node.trigger_configure()
    opened = node.in_use()
    opened.recognizer = spy = Spy(opened.recognizer)
    message = odometry(1.0) if kind == "odometry" else pose_message(1.0, START_NS)
    opened.poses.take(message)
    frame = ImageFrame(raw_message(pattern(1), START_NS), 0.0, node.cameras[0])
    node.process(pattern(1), frame)
    node.close()
    node.destroy_node()
    assert len(spy.odometry) == 1
    assert (spy.odometry[0] is not None) == (kind == "odometry")
    with PlaceMap.open(tmp_path / "m.vprmap") as place_map:
        assert place_map.table.records()[0].pose is not None  # a keyframe takes either
