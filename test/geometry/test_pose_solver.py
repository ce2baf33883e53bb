# SPDX-License-Identifier: Apache-2.0
"""Poses of exact scenes; and never a pose that was not measured."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import PLAIN, K, World, at, looks

from vpr_ros.config import PoseConfig
from vpr_ros.datatypes import Camera, KeyframeKey
from vpr_ros.geometry.landmarks import Landmarks
from vpr_ros.geometry.points import Sight
from vpr_ros.geometry.pose_solver import NoPoseError, Scene, is_available, solve
from vpr_ros.geometry.residuals import difference
from vpr_ros.geometry.transforms import RigidTransform

LIMITS = PoseConfig()
QUERY = at(1.0, 0.1, 0.7, turn=(0.01, 0.12, -0.02))
HALF = Camera(320, 240, (260.0, 0, 159.5, 0, 260.0, 119.5, 0, 0, 1), "plumb_bob", (0.0,) * 5)
CAMERAS = {
    "plain": PLAIN,
    "half the resolution, 1.3 times the focal length": HALF,
    "plumb_bob": Camera(640, 480, K, "plumb_bob", (-0.2, 0.05, 1e-3, -5e-4, 0.0)),
    "rational": Camera(
        640, 480, K, "rational_polynomial", (0.3, -0.1, 1e-3, 2e-4, 0.01, 0.55, -0.08, 0.02)
    ),
    "fisheye": Camera(640, 480, K, "equidistant", (0.02, -0.005, 0.0, 0.0)),
}
KEY = KeyframeKey("m", 1)


def landmarks_of(points, descriptors=None, sigma=0.02):
    count = len(points)
    covariances = np.tile(sigma**2 * np.eye(3), (count, 1, 1))
    descriptors = looks(count) if descriptors is None else descriptors
    places = np.zeros((count, 2), np.float32)
    return Landmarks(np.asarray(points, float), covariances, descriptors, places, {})


def scene_of(world):
    return Scene(KEY, landmarks_of(world.points, world.descriptors), RigidTransform.identity())


def sight_of(world, pose=QUERY, camera=PLAIN, noise=0.0, seed=1):
    return Sight.of(world.seen(pose, camera, noise, seed), camera)


def rays_to(points, pose=QUERY, noise=1e-3):
    """A sight of given points, whatever they are."""
    back = pose.inverse()
    seen = np.asarray(points, float) @ back.rotation.T + back.translation
    lengths = np.linalg.norm(seen, axis=1, keepdims=True)
    rays = seen / np.where(lengths > 0.0, lengths, 1.0)
    return Sight(rays, looks(len(rays)), np.zeros((len(rays), 2), np.float32), noise)


@pytest.mark.parametrize("name", CAMERAS)
def test_exact_scenes_give_exact_poses(name):
    world = World()
    found = solve(sight_of(world, camera=CAMERAS[name]), [scene_of(world)], LIMITS)
    error = difference(found.scene_T_camera.transform, QUERY)
    assert np.abs(error[:3]).max() < 2e-3
    assert np.abs(error[3:]).max() < 3e-4
    assert found.inliers > 50
    assert found.keys == (KEY,)


def test_a_landmark_moved_with_its_keyframe_is_the_same_one():
    world, moved = World(), at(0.3, 0.0, 1.0, turn=(0.0, 0.2, 0.0))
    back = moved.inverse()
    theirs = landmarks_of(world.points @ back.rotation.T + back.translation, world.descriptors)
    other = KeyframeKey("m", 2)
    scenes = [scene_of(world), Scene(other, theirs, moved)]
    found = solve(sight_of(world), scenes, LIMITS)
    alone = solve(sight_of(world), scenes[1:], LIMITS)
    assert np.abs(difference(found.scene_T_camera.transform, QUERY)).max() < 2e-3
    assert np.abs(difference(alone.scene_T_camera.transform, QUERY)).max() < 2e-3
    # One direction counts once, however many keyframes saw what it shows.
    assert found.inliers == alone.inliers
    assert set(found.keys) <= {KEY, other}


def test_the_same_twice_is_the_same():
    world = World()
    one, two = (solve(sight_of(world, noise=1.0), [scene_of(world)], LIMITS) for _ in range(2))
    np.testing.assert_array_equal(
        one.scene_T_camera.transform.translation, two.scene_T_camera.transform.translation
    )
    np.testing.assert_array_equal(one.scene_T_camera.covariance, two.scene_T_camera.covariance)


def test_errors_are_within_their_covariance():
    world, squares = World(), []
    for seed in range(40):
        found = solve(sight_of(world, noise=1.4, seed=seed), [scene_of(world)], LIMITS)
        error = difference(found.scene_T_camera.transform, QUERY)
        squares.append(error @ np.linalg.solve(found.scene_T_camera.covariance, error))
    assert np.mean(np.array(squares) < 16.81) >= 0.95  # the 99 % quantile of chi-square(6)
    assert np.median(squares) > 0.3  # and not by being vague


def test_a_third_of_wrong_matches_does_no_harm():
    world = World()
    sight = sight_of(world)
    rows = np.random.default_rng(0).permutation(len(sight))[: len(sight) // 3]
    sight.descriptors[rows] = sight.descriptors[np.roll(rows, 1)]
    found = solve(sight, [scene_of(world)], LIMITS)
    assert np.abs(difference(found.scene_T_camera.transform, QUERY)).max() < 5e-3


def test_the_scale_of_odometry_is_not_better_known_than_it_is():
    world = World()
    found = solve(sight_of(world), [scene_of(world)], LIMITS)
    way = QUERY.translation / np.linalg.norm(QUERY.translation)
    along = way @ found.scene_T_camera.covariance[:3, :3] @ way
    assert np.sqrt(along) > 0.02 * np.linalg.norm(QUERY.translation)


def test_another_place_gives_none():
    elsewhere = World(World().points[::-1] * [1.0, 0.7, 1.2])
    elsewhere.descriptors = World().descriptors
    with pytest.raises(NoPoseError, match=r"agree|match"):
        solve(sight_of(elsewhere), [scene_of(World())], LIMITS)


def test_one_inlier_too_few_gives_none():
    points = World().points[:40]
    points = points[points[:, 2] > 8.0][:20]
    enough = replace(LIMITS, min_inliers=len(points))
    solve(rays_to(points), [Scene(KEY, landmarks_of(points), RigidTransform.identity())], enough)
    fewer = Scene(KEY, landmarks_of(points[1:]), RigidTransform.identity())
    sight = rays_to(points)
    sight = Sight(sight.rays[1:], looks(len(points) - 1), sight.places[1:], sight.noise)
    with pytest.raises(NoPoseError, match=f"only {len(points) - 1}"):
        solve(sight, [fewer], enough)


DEGENERATE = {
    "one point": lambda n, r: np.tile([[1.0, 2.0, 9.0]], (n, 1)),
    "a line": lambda n, r: (
        at(x=1.0).translation + np.outer(np.linspace(5.0, 30.0, n), [0.2, 0.1, 1.0])
    ),
    "far away": lambda n, r: r.normal(size=(n, 3)) * [300.0, 200.0, 1.0] + [0.0, 0.0, 4000.0],
    "one spot": lambda n, r: r.normal(size=(n, 3)) * 0.01 + [0.0, 0.0, 20.0],
    "not numbers": lambda n, r: np.full((n, 3), np.nan),
    "here": lambda n, r: np.zeros((n, 3)),
}


@pytest.mark.parametrize("name", DEGENERATE)
@settings(max_examples=15, deadline=None)
@given(count=st.integers(0, 60), seed=st.integers(0, 9), noise=st.sampled_from([1e-3, 3e-3]))
def test_what_holds_no_pose_gives_none(name, count, seed, noise):
    random = np.random.default_rng(seed)
    points = DEGENERATE[name](count, random)
    sight = rays_to(points, noise=noise)
    jitter = random.normal(size=sight.rays.shape) * noise
    rays = sight.rays + jitter
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-9)
    sight = Sight(rays, sight.descriptors, sight.places, noise)
    with pytest.raises(NoPoseError):
        solve(sight, [Scene(KEY, landmarks_of(points), RigidTransform.identity())], LIMITS)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 80), seed=st.integers(0, 99))
def test_directions_to_nowhere_give_none(count, seed):
    random = np.random.default_rng(seed)
    points = random.uniform([-9, -5, 2], [9, 2, 40], (count, 3))
    rays = random.uniform([-1, -0.7, 1], [1, 0.7, 1], (count, 3))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    sight = Sight(rays, looks(count), np.zeros((count, 2), np.float32), 2e-3)
    with pytest.raises(NoPoseError):
        solve(sight, [Scene(KEY, landmarks_of(points), RigidTransform.identity())], LIMITS)


def test_what_lies_behind_gives_none():
    points = World().points * [1.0, 1.0, -1.0]
    sight = rays_to(points)
    sight = replace(sight, rays=-sight.rays)
    with pytest.raises(NoPoseError):
        solve(sight, [Scene(KEY, landmarks_of(points), RigidTransform.identity())], LIMITS)


def test_a_pose_far_from_the_keyframe_is_refused():
    world = World()
    with pytest.raises(NoPoseError, match="from the keyframe"):
        solve(sight_of(world), [scene_of(world)], replace(LIMITS, max_distance=0.5))
    with pytest.raises(NoPoseError, match="from the keyframe"):
        solve(sight_of(world), [scene_of(world)], replace(LIMITS, max_angle=0.05))


def test_a_pose_that_is_too_vague_is_refused():
    world = World()
    with pytest.raises(NoPoseError, match="unsure"):
        solve(sight_of(world), [scene_of(world)], replace(LIMITS, max_sigma=0.001))


def test_without_the_library_the_reason_says_so(monkeypatch):
    assert is_available()
    monkeypatch.setitem(sys.modules, "poselib", None)
    world = World()
    assert not is_available()
    with pytest.raises(NoPoseError, match="pip install poselib"):
        solve(sight_of(world), [scene_of(world)], LIMITS)
