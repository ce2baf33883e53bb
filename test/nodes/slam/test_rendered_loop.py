# SPDX-License-Identifier: Apache-2.0
"""A mapper that drives a rendered loop tells RTAB-Map and Hydra how the robot moved, as it did."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from nav_msgs.msg import Odometry
from node_harness import KEEP_ALL, node_process, raw_message, stamped
from sensor_msgs.msg import CameraInfo, Image
from slam_harness import LATCHED, START, FakeRtabmap, S
from test_closure_adapters import mount

from vpr_ros.drives.bag_messages import pose_from_parts
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.geometry.residuals import difference
from vpr_ros.geometry.transforms import RigidTransform
from vpr_ros.nodes.conversions import pose_to_message, stamp_to_ns, transform_from_message
from vpr_ros.nodes.interfaces import FrameTimings, LoopClosure

FIRST, SECOND = 10, 7  # frames of the first street, and of the same one driven again
NEAR, ALIGNED = 0.15, np.radians(1.0)
LINK_T_BASE = RigidTransform(np.eye(3), np.array([-0.8, 0.1, -1.2]))  # the rendered poses' link
LOOPS = {"loops__min_seconds": 10.0, "decision__place_radius": 3.0}


class Robot:
    """Drives through bags: what its sensors say, and where its base truly is."""

    def __init__(self, bench):
        self._stack, self.truth = bench.stack, {}
        make = bench.stack.create_publisher
        self._images = make(Image, "/image", KEEP_ALL)
        self._odometry = make(Odometry, "/odom", KEEP_ALL)
        self._infos = make(CameraInfo, "/camera_info", KEEP_ALL)
        self._bench, self._handled = bench, []
        bench.stack.create_subscription(
            FrameTimings, "/mapper/timings", self._handled.append, KEEP_ALL
        )
        bench.wait_for(self._images.get_subscription_count, "the mapper")

    def tell_mount(self):
        from tf2_msgs.msg import TFMessage

        publisher = self._stack.create_publisher(TFMessage, "/tf_static", LATCHED)
        base_T_link = LINK_T_BASE.inverse().translation.tolist()
        link = mount("base_link", "camera_link", base_T_link)
        optical = mount("camera_link", "camera", (0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5))
        publisher.publish(TFMessage(transforms=[link, optical]))

    def drive(self, bag, count):
        with BagReader(bag) as reader:
            track = dict(reader.trajectory("/ground_truth/pose"))
            frames = reader.frames("/camera/image_raw/compressed", "/odom")
            for frame, _ in zip(frames, range(count), strict=False):
                self.truth[frame.stamp_ns] = RigidTransform.of_pose(track[frame.stamp_ns])
                self.truth[frame.stamp_ns] @= LINK_T_BASE
                self._show(frame)

    def _show(self, frame):
        base = RigidTransform.of_pose(frame.pose) @ LINK_T_BASE
        odometry = stamped(Odometry(child_frame_id="base_link"), frame.stamp_ns, "odom")
        odometry.pose.pose = pose_to_message(base.as_pose("odom"))
        camera = frame.camera
        info = stamped(CameraInfo(width=camera.width, height=camera.height), frame.stamp_ns)
        info.k, info.d = list(camera.intrinsics), list(camera.distortion)
        info.distortion_model = camera.distortion_model
        info.header.frame_id = "camera"
        image = raw_message(frame.image, frame.stamp_ns)
        image.header.frame_id = "camera"
        self._infos.publish(info)
        self._odometry.publish(odometry)
        self._images.publish(image)
        self._bench.wait_for(lambda: self._is_handled(frame.stamp_ns), "the timings of an image")

    def _is_handled(self, stamp_ns):
        return any(stamp_to_ns(each.header.stamp) == stamp_ns for each in self._handled)

    def motion(self, to_ns, from_ns):
        """``to_T_from`` of the base, as it was rendered."""
        return self.truth[to_ns].inverse() @ self.truth[from_ns]


@pytest.fixture
def mapper(bench, stack_messages, tmp_path, monkeypatch):
    """A mapper's process with both adapters, active."""
    built = [path for path in sys.path if "test_interfaces" in path]
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*built, *filter(None, known)]))
    settings = {"slam__adapters": ("rtabmap", "hydra"), "slam__hydra__hold": 0.0, **LOOPS}
    names = {"image": "/image", "odom": "/odom", "camera_info": "/camera_info"}
    log, path = tmp_path / "log", tmp_path / "loop.vprmap"
    with node_process("mapper", log, path, None, names, **settings) as started:
        started.configure()
        started.activate()
        yield started


@pytest.fixture
def loop(bench, mapper, drive):
    """The robot after its loop, the closures that were published, the links and the edges."""
    from pose_graph_tools_msgs.msg import PoseGraph

    closures, graphs = [], []
    bench.stack.create_subscription(LoopClosure, "/mapper/loop_closure", closures.append, KEEP_ALL)
    bench.stack.create_subscription(PoseGraph, "external_loop_closures", graphs.append, KEEP_ALL)
    robot, rtabmap = Robot(bench), FakeRtabmap(bench)
    robot.tell_mount()
    robot.drive(drive.map_bag, FIRST)
    robot.drive(drive.query_bag, SECOND)
    rtabmap.tell_nodes(*[
        (number, (stamp_ns - START) / S, 0) for number, stamp_ns in enumerate(robot.truth, start=1)
    ])  # fmt: skip
    bench.wait_for(lambda: 4 <= len(closures) == len(graphs) == len(rtabmap.asked), "all closures")
    return robot, closures, rtabmap.asked, [edge for graph in graphs for edge in graph.edges]


def test_links_and_edges_are_the_motion_that_was_rendered(loop):
    robot, closures, links, edges = loop
    stamps = [0, *robot.truth]
    pairs = [(stamp_to_ns(each.query_stamp), stamp_to_ns(each.match_stamp)) for each in closures]
    assert all(each.has_transform for each in closures)
    assert all(query in stamps[-SECOND:] and match in stamps[:-SECOND] for query, match in pairs)
    assert [(stamps[link.from_id], stamps[link.to_id]) for link in links] == pairs
    assert [(edge.key_from, edge.key_to) for edge in edges] == pairs
    for link, edge, (query, match) in zip(links, edges, pairs, strict=True):
        # RTAB-Map's links are from_T_to, Hydra's edges to_T_from; from is the query.
        from_T_to = transform_from_message(link.transform)
        assert link.type == 4  # rtabmap::Link::kUserClosure
        check(from_T_to, robot.motion(query, match), 1.0 / np.array(link.information)[::7])
        to_T_from = RigidTransform.of_pose(
            pose_from_parts(edge.pose.position, edge.pose.orientation, "")
        )
        check(to_T_from, robot.motion(match, query), np.array(edge.covariance)[::7])
        assert sum(element != 0.0 for element in (*link.information, *edge.covariance)) == 12


def check(measured, true, variances):
    """Near the truth, in the right direction, and no farther than it claims."""
    error = difference(measured, true)
    assert np.linalg.norm(error[:3]) < NEAR
    assert np.linalg.norm(error[3:]) < ALIGNED
    assert np.abs(true.translation[1]) > 0.7  # a lane beside: the other direction has another sign
    assert (np.abs(error) < 4.0 * np.sqrt(variances)).all()
    assert np.sqrt(variances[:3]).max() < NEAR
