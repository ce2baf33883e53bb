# SPDX-License-Identifier: Apache-2.0
"""Transforms: chains of static and moving frames, both ways, interpolated."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.trajectory_files import transform_of
from vpr_ros.evaluation.ground_truth.transforms import TransformTree
from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import RigidTransform

SECOND = 10**9
LEFT = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))  # a quarter turn
AHEAD = (0.0, 0.0, 0.0, 1.0)


def message(stamp_ns, *transforms):
    found = []
    for parent, child, (x, y, z), (qx, qy, qz, qw) in transforms:
        sec, nanosec = divmod(stamp_ns, SECOND)
        header = SimpleNamespace(frame_id=parent, stamp=SimpleNamespace(sec=sec, nanosec=nanosec))
        transform = SimpleNamespace(
            translation=SimpleNamespace(x=x, y=y, z=z),
            rotation=SimpleNamespace(x=qx, y=qy, z=qz, w=qw),
        )
        found.append(SimpleNamespace(header=header, child_frame_id=child, transform=transform))
    return SimpleNamespace(transforms=found)


@pytest.fixture
def tree():
    """A robot that drives along x of odom, with a camera ahead, in a map that lies turned."""
    tree = TransformTree()
    tree.add(message(0, ("base", "camera", (1.0, 0.0, 0.5), LEFT)), is_static=True)
    for second in range(4):
        tree.add(message(second * SECOND, ("map", "odom", (10.0, 0.0, 0.0), LEFT)), is_static=False)
    for half in range(1, 6):
        stamp = half * SECOND // 2
        tree.add(message(stamp, ("odom", "base", (float(half), 0.0, 0.0), AHEAD)), is_static=False)
    return tree


def test_a_chain_of_static_and_moving_frames(tree):
    track = dict(tree.track("map", "camera"))
    assert min(track) == SECOND // 2
    assert max(track) == 5 * SECOND // 2
    pose = track[3 * SECOND // 2]
    # Odom's x is map's y; the camera sits 1 m ahead of the base, turned by another quarter.
    assert pose.position == pytest.approx((10.0, 4.0, 0.5))
    assert np.abs(pose.orientation) == pytest.approx([0.0, 0.0, 1.0, 0.0], abs=1e-9)
    assert pose.frame_id == "map"


def test_the_other_way_and_between_branches(tree):
    tree.add(message(0, ("base", "lidar", (0.0, 1.0, 0.0), AHEAD)), is_static=True)
    back = dict(tree.track("camera", "map"))[SECOND]
    there = dict(tree.track("map", "camera"))[SECOND]
    product = RigidTransform.of_pose(back) @ RigidTransform.of_pose(there)
    assert product.rotation == pytest.approx(np.eye(3), abs=1e-9)
    assert product.translation == pytest.approx(np.zeros(3), abs=1e-9)
    with pytest.raises(DatasetError, match="nothing moves between lidar and camera"):
        tree.track("lidar", "camera")


def test_gaps_are_left_out():
    tree = TransformTree(max_gap=0.5)
    for stamp in (0, SECOND // 4, 3 * SECOND):
        tree.add(message(stamp, ("map", "base", (0.0, 0.0, 0.0), AHEAD)), is_static=False)
    for stamp in (SECOND // 8, SECOND):
        tree.add(message(stamp, ("base", "arm", (0.0, 0.0, 0.0), AHEAD)), is_static=False)
    assert [stamp for stamp, _ in tree.track("map", "arm")] == [SECOND // 8]
    tree.add(message(3 * SECOND // 8, ("base", "arm", (0.0, 0.0, 0.0), AHEAD)), is_static=False)
    assert [stamp for stamp, _ in tree.track("map", "arm")] == [SECOND // 8, SECOND // 4]


def test_what_is_no_tree(tree):
    with pytest.raises(DatasetError, match=r"no transforms join wheel and map; the frames are: ba"):
        tree.track("map", "wheel")
    with pytest.raises(DatasetError, match="frame base has two parents, odom and world"):
        tree.add(message(0, ("world", "base", (0.0, 0.0, 0.0), AHEAD)), is_static=False)
    with pytest.raises(PoseError, match="zero quaternion"):
        tree.add(message(0, ("odom", "base", (0.0, 0.0, 0.0), (0, 0, 0, 0))), is_static=False)
    tree.add(message(0, ("camera", "map", (0.0, 0.0, 0.0), AHEAD)), is_static=True)
    with pytest.raises(DatasetError, match="is its own ancestor"):
        tree.track("map", "camera")


def test_leading_slashes_are_those_of_ros_1(tree):
    assert tree.track("/map", "/camera")


def test_matrices_of_files():
    assert transform_of(np.eye(4)[:3]).as_pose("map").orientation == AHEAD
    for wrong in (2.0 * np.eye(4), np.diag([1.0, 1.0, -1.0, 1.0])):
        with pytest.raises(PoseError, match="no rotation"):
            transform_of(wrong)
    with pytest.raises(PoseError, match="not finite"):
        transform_of(np.full((4, 4), np.nan))
