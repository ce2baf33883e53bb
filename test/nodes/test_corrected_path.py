# SPDX-License-Identifier: Apache-2.0
"""A SLAM that tells its trajectory all the time costs a mapper neither frames nor poses.

A path that waits for the frame in hand, which waits for its pose, which waits behind the path: this
is what must not happen, so here the three come in that order.
"""

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path
from node_harness import START_NS, node_process, pattern, pose_message, raw_message, stamped
from sensor_msgs.msg import Image

from vpr_ros.place_map import PlaceMap

S = 10**9
FRAMES = 6
# A pose that is stuck behind a path would come after this: the frame would have none.
RULES = {"pose_type": "pose", "pose_timeout": 3.0, "loops__close": False}


def stamp(second):
    return START_NS + second * S


def trajectory(seconds):
    """What the SLAM says by now: the robot began 100 m further along."""
    poses = [pose_message(100.0 + 10.0 * each, stamp(each)) for each in range(seconds)]
    return stamped(Path(poses=poses), stamp(seconds), "slam")


def poses_in(path):
    with PlaceMap.open(path) as place_map:
        poses = [record.pose for record in place_map.table.records()]
    return [None if pose is None else (pose.frame_id, pose.position[0]) for pose in poses]


def test_paths_all_the_time_cost_neither_frames_nor_poses(observer, tmp_path):
    path = tmp_path / "street.vprmap"
    with node_process("mapper", tmp_path / "log", path, **RULES) as process:
        process.configure()
        process.activate()
        camera, poses = (
            observer.publisher(Image, "/image"),
            observer.publisher(PoseStamped, "/pose"),
        )
        corrected = observer.publisher(Path, "/corrected_path")
        for second in range(FRAMES):
            camera.publish(raw_message(pattern(second), stamp(second)))
            observer.spin_for(0.1)  # each is there before the next is sent
            corrected.publish(trajectory(second))
            observer.spin_for(0.1)
            poses.publish(pose_message(10.0 * second, stamp(second)))
            observer.wait_for(
                lambda n=second: process.keyframes() == n + 1, f"keyframe {second + 1}"
            )
        corrected.publish(trajectory(FRAMES))
        expected = [("slam", 100.0 + 10.0 * second) for second in range(FRAMES)]
        observer.wait_for(lambda: poses_in(path) == expected, "the poses to follow the path")
        status = observer.wait_for_status("mapper", lambda s: s.count("keyframes") == FRAMES, "all")
    for fate in ("dropped", "failed", "without pose"):
        assert status.count(f"frames {fate}") == 0
