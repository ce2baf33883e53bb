# SPDX-License-Identifier: Apache-2.0
"""Poses of recognized images from a real map of exact points; or none, and why."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from robots import ALONG, BESIDE, IMAGE, Robot, base_pose
from worlds import PLAIN, K, World, at

from vpr_ros.config import PoseConfig
from vpr_ros.datatypes import (
    Camera,
    Candidate,
    Frame,
    Recognition,
    Verdict,
)
from vpr_ros.extractors.points import PointsOfFrames
from vpr_ros.geometry.residuals import difference
from vpr_ros.geometry.transforms import LINK_T_OPTICAL, RigidTransform, as_mount
from vpr_ros.place_map import CorrectedPoses
from vpr_ros.route.pose_finder import PoseFinder


@pytest.fixture
def street(tmp_path):
    return Robot(tmp_path / "street.vprmap", ALONG)


def test_a_meter_aside_is_measured_to_centimeters(street):
    located = street.locate(4, BESIDE)
    error = street.error(located, BESIDE)
    assert (located.reason, located.is_tried) == ("", True)
    assert np.linalg.norm(error[:3]) < 0.05
    assert np.linalg.norm(error[3:]) < 0.005
    assert error @ np.linalg.solve(located.pose.covariance.astype(float), error) < 16.81
    assert located.pose.map_T_base.frame_id == "odom"
    assert located.pose.inliers > 30
    assert located.pose.keyframes[0] in street.map.table.keys(range(9))


def test_the_motion_between_the_cameras_is_that_of_their_poses(street):
    located = street.locate(4, BESIDE)
    motion = RigidTransform.of_pose(located.motion.match_T_query)
    true = ALONG[4].inverse() @ BESIDE
    assert np.linalg.norm(difference(motion, true)[:3]) < 0.05
    assert located.motion.covariance.shape == (6, 6)


def test_joined_points_show_the_same_in_both_images(street):
    pose = street.locate(4, BESIDE, noise=0.0).pose
    size = np.array([PLAIN.width, PLAIN.height])
    seen = street.world.seen(BESIDE).keypoints
    places = street.world.seen(ALONG[4], noise=0.3, seed=4)
    shown = [each.argmin() for each in distances(pose.query_points * size, seen)]
    mapped = [each.argmin() for each in distances(pose.match_points * size, places.keypoints)]
    assert 12 < len(shown) == len(mapped) <= pose.inliers
    looks = street.world.seen(BESIDE).descriptors[shown], places.descriptors[mapped]
    assert distances(pose.query_points * size, seen).min(axis=1).max() < 0.01
    np.testing.assert_array_equal(*looks)  # of one point of the world


def test_of_points_that_only_its_neighbors_saw_the_matched_keyframe_joins_none(street):
    kept = street.map.points_of

    def without(key):
        return None if key == street.map.table.key(4) else kept(key)

    street.map.points_of = without
    pose = street.locate(4, BESIDE).pose
    assert pose.inliers > 12
    assert len(pose.query_points) == len(pose.match_points) == 0


def distances(left, right):
    return np.linalg.norm(left[:, None] - right[None], axis=2)


def test_an_image_that_is_not_accepted_pays_nothing(street):
    for verdict in (Verdict.AMBIGUOUS, Verdict.UNKNOWN):
        located = street.locate(4, BESIDE, verdict=verdict)
        assert located.pose is None
        assert "not sure" in located.reason
    assert street.eyes.calls == 0


def test_another_camera_measures_by_its_own_intrinsics_and_place(street):
    wide = Camera(320, 240, (260.0, 0, 159.5, 0, 260.0, 119.5, 0, 0, 1), "plumb_bob", (0.0,) * 5)
    lifted = as_mount(RigidTransform(np.eye(3), np.array([0.4, -0.2, 1.1])) @ LINK_T_OPTICAL)
    other = replace(wide, name="other", mount=lifted)
    located = street.locate(4, BESIDE, other)
    assert np.linalg.norm(street.error(located, BESIDE, other)[:3]) < 0.06


def test_a_rear_camera_sees_what_the_front_one_mapped(tmp_path):
    """The robot comes back the other way: it faces the other way where its rear camera looks."""
    turned = RigidTransform(np.diag([-1.0, -1.0, 1.0]), np.array([-0.5, 0.0, 0.3]))
    rear = replace(PLAIN, name="rear", mount=as_mount(turned @ LINK_T_OPTICAL))
    front = replace(PLAIN, name="front", mount=as_mount(LINK_T_OPTICAL))
    robot = Robot(tmp_path / "m.vprmap", ALONG, front)
    located = robot.locate(4, BESIDE, rear)
    assert np.linalg.norm(robot.error(located, BESIDE, rear)[:3]) < 0.06
    w = located.pose.map_T_base.orientation[3]
    assert abs(w) < 0.2  # half a turn, but for the tenth


def test_a_fisheye_maps_and_measures(tmp_path):
    fisheye = Camera(640, 480, K, "equidistant", (0.02, -0.005, 0.0, 0.0))
    robot = Robot(tmp_path / "m.vprmap", ALONG, fisheye)
    located = robot.locate(4, BESIDE, fisheye)
    assert np.linalg.norm(robot.error(located, BESIDE, fisheye)[:3]) < 0.06


def test_candidates_of_one_place_serve_one_solution(street):
    alone, together = (street.locate(4, BESIDE, also=also) for also in ((), (0, 8)))
    assert together.pose.inliers >= alone.pose.inliers
    assert np.linalg.norm(street.error(together, BESIDE)[:3]) < 0.05


def test_another_round_of_the_drive_that_drifted_does_no_harm(tmp_path):
    second = [at(z=float(n)) for n in range(9)]
    drifted = [at(x=1.5, z=float(n)) for n in range(9)]
    gap = [at(x=200.0, z=float(n)) for n in range(20)]
    robot = Robot(tmp_path / "m.vprmap", ALONG + gap + second, told=ALONG + gap + drifted)
    located = robot.locate(4, BESIDE, also=(33, 32))
    assert np.linalg.norm(robot.error(located, BESIDE)[:3]) < 0.05


def test_odometry_of_another_scale_is_within_the_covariance(tmp_path):
    told = [at(z=1.02 * n) for n in range(9)]
    robot = Robot(tmp_path / "m.vprmap", ALONG, told=told)
    located = robot.locate(4, BESIDE)
    kept = told[4] @ (ALONG[4].inverse() @ BESIDE)
    error = robot.error(located, kept)
    assert error @ np.linalg.solve(located.pose.covariance.astype(float), error) < 16.81


CASES = {
    "stood still": ([at(z=4.0)] * 6, None, "hardly moved"),
    "turned on the spot": ([at(turn=(0.0, 0.2 * n, 0.0)) for n in range(6)], None, "hardly moved"),
    "no odometry": (ALONG, [None] * 9, "no pose: the keyframe has no pose"),
}


@pytest.mark.parametrize("name", CASES)
def test_maps_that_tell_no_meters_say_why(name, tmp_path):
    poses, told, words = CASES[name]
    robot = Robot(tmp_path / "m.vprmap", poses, told=told)
    located = robot.locate(3, poses[3])
    assert located.pose is None
    assert words in located.reason
    assert robot.eyes.calls == 0


def test_a_map_without_points_or_intrinsics_says_why(tmp_path):
    bare = Robot(tmp_path / "bare.vprmap", ALONG, with_points=False)
    assert "map again with points = sift" in bare.locate(4, BESIDE).reason
    unknown = Robot(tmp_path / "unknown.vprmap", ALONG)
    unknown.map.camera_of = lambda key: None
    assert "not calibrated" in unknown.locate(4, BESIDE).reason


def test_a_camera_that_is_not_known_says_why(street):
    street.eyes.look = BESIDE, PLAIN, 0.3
    candidates = (Candidate(street.map.table.record(4), 0.9),)
    accepted = Recognition(0, Verdict.ACCEPTED, "", 0.99, candidates, {})
    for camera in (None, Camera(name="front")):
        located = street.finder.locate(accepted, Frame(0, IMAGE, None, camera))
        assert "not calibrated" in located.reason
    located = street.finder.locate(accepted, Frame(0, None, None, PLAIN))
    assert "not at hand" in located.reason
    assert street.eyes.calls == 0


def test_another_place_gives_no_pose(street):
    street.eyes.world = World(street.world.points[::-1] * [1.0, 0.6, 1.3])
    located = street.locate(4, BESIDE)
    assert located.pose is None
    assert located.is_tried
    assert located.reason.startswith("no pose: only ")


def test_without_poselib_or_points_nothing_is_measured(street, monkeypatch):
    street.finder = PoseFinder(street.map, None, PoseConfig())
    assert street.locate(4, BESIDE).reason == "no pose: points = none"
    monkeypatch.setitem(sys.modules, "poselib", None)
    street.finder = PoseFinder(street.map, PointsOfFrames(street.eyes), PoseConfig())
    reason = street.locate(4, BESIDE).reason
    assert reason == "no pose: poselib is not installed: pip install poselib"
    assert street.eyes.calls == 0


def test_corrected_poses_make_other_landmarks(street):
    street.locate(4, BESIDE)
    rows = np.arange(9)
    lifted = [base_pose(at(y=-2.0, z=float(n)), PLAIN) for n in range(9)]
    poses = np.array([(*pose.position, *pose.orientation) for pose in lifted])
    street.map.correct_poses(CorrectedPoses(rows, poses, ["map"] * 9))
    located = street.locate(4, BESIDE)
    assert located.pose.map_T_base.frame_id == "map"
    there = at(1.0, -2.0, 4.4, turn=(0.0, 0.1, 0.0))
    assert np.linalg.norm(street.error(located, there)[:3]) < 0.05
