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
    mount = parse_mount(text)
    assert mount.position == position
    x, y, z, w = mount.orientation
    ahead = (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y))
    assert ahead == pytest.approx(direction, abs=1e-12)


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
