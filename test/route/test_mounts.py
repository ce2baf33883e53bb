# SPDX-License-Identifier: Apache-2.0
"""What one camera saw tells where the robot is when another one sees it."""

import math
from dataclasses import replace

import pytest

from vpr_ros.datatypes import (
    Camera,
    Candidate,
    KeyframeKey,
    KeyframeRecord,
    Pose,
    Recognition,
    Verdict,
)
from vpr_ros.errors import ConfigError
from vpr_ros.geometry.poses import angle, distance
from vpr_ros.geometry.transforms import FixedFrames, RigidTransform, as_mount
from vpr_ros.route.mounts import parse_mount, seen_from

AHEAD = parse_mount("0.4 0 1 0 0 0")
BACK = parse_mount(f"-0.6 0 1 0 0 {math.pi}")
LEFT = parse_mount(f"0 0.3 1 0 0 {math.pi / 2}")
# Driving along y, at (10, 20).
POSE = Pose((10.0, 20.0, 0.0), (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)), "map")


def yaw(pose):
    return 2.0 * math.atan2(pose.orientation[2], pose.orientation[3])


def answer(pose=POSE):
    keyframe = KeyframeRecord(KeyframeKey("map", 7), "session-1", 0, pose)
    return Recognition(0, Verdict.ACCEPTED, "", 1.0, (Candidate(keyframe, 0.9),), {})


def seen(mount, camera, pose=POSE):
    asked = []
    found = seen_from(answer(pose), mount, lambda key: asked.append(key) or camera)
    assert set(asked) <= {KeyframeKey("map", 7)}
    return found.candidates[0].keyframe.pose


@pytest.mark.parametrize(("text", "position", "direction"), [
    ("1 2 3 0 0 0", (1.0, 2.0, 3.0), (1.0, 0.0, 0.0)),
    ("0 0 0 0 0 1.5707963267948966", (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    ("0 0 0 0 1.5707963267948966 0", (0.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    # Roll first, then yaw, about axes that stay: the x axis turns with the yaw alone.
    ("0 0 0 1.5707963267948966 0 3.141592653589793", (0.0, 0.0, 0.0), (-1.0, 0.0, 0.0)),
])  # fmt: skip
def test_a_mount_is_read_as_a_urdf_writes_it(text, position, direction):
    """The text turns the x axis of the camera's body; the mount's z axis looks there."""
    mount = parse_mount(text)
    assert mount.position == position
    ahead = RigidTransform.of_pose(mount).rotation[:, 2]
    assert tuple(ahead) == pytest.approx(direction, abs=1e-12)


def test_a_mount_is_that_of_the_optical_frame():
    """As a URDF that hangs camera_optical on camera_link by rpy -pi/2 0 -pi/2 (REP 103)."""
    rotation = RigidTransform.of_pose(parse_mount("0 0 0 0 0 0")).rotation
    right, down, ahead = rotation.T
    assert tuple(right) == pytest.approx((0.0, -1.0, 0.0), abs=1e-12)
    assert tuple(down) == pytest.approx((0.0, 0.0, -1.0), abs=1e-12)
    assert tuple(ahead) == pytest.approx((1.0, 0.0, 0.0), abs=1e-12)


def test_a_text_and_a_chain_of_frames_give_the_same_mount():
    frames = FixedFrames()
    half = math.sqrt(0.5)
    link = Pose((0.4, 0.0, 1.0), (0.0, 0.0, half, half), "")
    frames.add("base_link", "camera_link", RigidTransform.of_pose(link))
    optical = Pose((0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5), "")
    frames.add("camera_link", "camera_optical", RigidTransform.of_pose(optical))
    told = as_mount(frames.between("base_link", "camera_optical"))
    written = parse_mount(f"0.4 0 1 0 0 {math.pi / 2}")
    assert (distance(told, written), angle(told, written)) == pytest.approx((0.0, 0.0), abs=1e-7)
    assert told.frame_id == written.frame_id


@pytest.mark.parametrize("text", ["1 2 3", "1 2 3 4 5 6 7", "a b c d e f", "0 0 nan 0 0 0"])
def test_a_mount_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="write x y z roll pitch yaw, meters and radians"):
        parse_mount(text)


def test_nothing_is_known_of_a_camera_without_mount():
    assert parse_mount("  ") is None
    assert seen(None, Camera(mount=BACK)) == POSE
    assert seen(AHEAD, Camera()) == POSE
    assert seen(AHEAD, None) == POSE
    assert seen(AHEAD, Camera(mount=BACK), pose=None) is None


def test_the_same_camera_sees_it_from_the_same_pose():
    assert seen(AHEAD, Camera(mount=AHEAD)) == POSE


def test_the_front_camera_sees_what_the_rear_camera_saw():
    """The rear camera stood at (10, 19.4) and looked along -y: so does the front camera now."""
    pose = seen(AHEAD, Camera(mount=BACK))
    assert pose.position == pytest.approx((10.0, 19.8, 0.0))
    assert yaw(pose) == pytest.approx(-math.pi / 2)
    assert pose.frame_id == "map"


def test_there_and_back_is_where_it_was():
    there = seen(LEFT, Camera(mount=BACK))
    assert there != POSE
    back = seen(BACK, Camera(mount=LEFT), pose=there)
    assert back.position == pytest.approx(POSE.position)
    assert yaw(back) == pytest.approx(yaw(POSE))


def test_only_poses_change():
    recognition = answer()
    moved = seen_from(recognition, AHEAD, lambda _: Camera(mount=BACK))
    first, before = moved.candidates[0], recognition.candidates[0]
    assert replace(first, keyframe=replace(first.keyframe, pose=POSE)) == before
    assert replace(moved, candidates=()) == replace(recognition, candidates=())
