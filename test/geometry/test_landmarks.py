# SPDX-License-Identifier: Apache-2.0
"""Landmarks of exact scenes: in meters, with their uncertainty, or none and why."""

import numpy as np
import pytest
from worlds import PLAIN, World, at

from vpr_ros.datatypes import KeyframeKey
from vpr_ros.geometry.bundle import View
from vpr_ros.geometry.landmarks import NoLandmarksError, triangulated
from vpr_ros.geometry.points import Sight
from vpr_ros.geometry.residuals import exponential, logarithm
from vpr_ros.geometry.transforms import RigidTransform

NOISE = Sight.of(World().seen(at()), PLAIN).noise * PLAIN.intrinsics[0]  # pixels, as supposed


def places(step=1.0, count=3):
    return [at(z=step * n) for n in range(-count, count + 1) if n]


def views_of(world, poses, camera=PLAIN, noise=0.0, told=None):
    """Views from poses; odometry tells others."""
    made = []
    for number, (pose, odometry) in enumerate(zip(poses, told or poses, strict=True)):
        sight = Sight.of(world.seen(pose, camera, noise, seed=10 + number), camera)
        made.append(View(KeyframeKey("m", number), sight, odometry.inverse() @ at()))
    return made


def errors_of(world, landmarks):
    """Vectors from the true points, and these."""
    truth = world.points[(landmarks.descriptors @ world.descriptors.T).argmax(axis=1)]
    return landmarks.points - truth, truth


def test_an_exact_scene_is_found_exactly():
    world = World()
    anchor = Sight.of(world.seen(at()), PLAIN)
    landmarks = triangulated(anchor, views_of(world, places()))
    errors, truth = errors_of(world, landmarks)
    assert len(landmarks) > 60
    assert (np.linalg.norm(errors, axis=1) / np.linalg.norm(truth, axis=1)).max() < 1e-3
    assert len(landmarks.view_T_anchor) == 6


def test_a_nodding_camera_is_adjusted():
    """Half a degree that odometry does not know is found out by the points themselves."""
    world, true = World(), places()
    nods = [np.array([0.008 * (-1) ** n, 0.003 * n, 0.0]) for n in range(len(true))]
    seen = [
        RigidTransform(exponential(nod), p.translation) for p, nod in zip(true, nods, strict=True)
    ]
    anchor = Sight.of(world.seen(at(), noise=0.3), PLAIN)
    landmarks = triangulated(anchor, views_of(world, seen, noise=0.3, told=true))
    for number, pose in enumerate(seen):
        adjusted = landmarks.view_T_anchor[KeyframeKey("m", number)]
        wrong = logarithm(adjusted.rotation @ pose.rotation)
        assert np.linalg.norm(wrong) < 2.5e-3 < np.linalg.norm(nods[number])


def test_errors_are_as_large_as_foretold():
    world, squares = World(), []
    for seed in range(5):
        anchor = Sight.of(world.seen(at(), noise=NOISE, seed=seed), PLAIN)
        landmarks = triangulated(anchor, views_of(world, places(), noise=NOISE))
        errors, _ = errors_of(world, landmarks)
        squares += np.einsum(
            "ni,nij,nj->n", errors, np.linalg.inv(landmarks.covariances), errors
        ).tolist()
    assert 0.5 < np.median(squares) / 2.366 < 2.0  # the median of chi-square(3)


def test_wrong_matches_leave():
    world = World()
    views = views_of(world, places())
    for number, view in enumerate(views):
        rows = np.random.default_rng(number).permutation(len(view.sight))[:20]
        view.sight.descriptors[rows] = view.sight.descriptors[np.roll(rows, 1)]
    landmarks = triangulated(Sight.of(world.seen(at()), PLAIN), views)
    errors, truth = errors_of(world, landmarks)
    assert (np.linalg.norm(errors, axis=1) / np.linalg.norm(truth, axis=1)).max() < 0.02


def test_a_neighbor_that_odometry_lost_is_left_out():
    """Wheels slipped on the way to the last two."""
    world, true = World(), places()
    told = [*true[:4], *(at(x=1.0, z=pose.translation[2]) for pose in true[4:])]
    landmarks = triangulated(Sight.of(world.seen(at()), PLAIN), views_of(world, true, told=told))
    errors, truth = errors_of(world, landmarks)
    assert (np.linalg.norm(errors, axis=1) / np.linalg.norm(truth, axis=1)).max() < 0.02
    adjusted = [landmarks.view_T_anchor[KeyframeKey("m", number)] for number in range(4)]
    assert all(
        np.linalg.norm((motion @ pose).translation) < 0.02
        for motion, pose in zip(adjusted, true, strict=False)
    )


def test_a_robot_that_stood_still_has_none():
    world = World()
    views = views_of(world, [at(z=0.01), at(z=0.02)], noise=0.5)
    with pytest.raises(NoLandmarksError, match="hardly moved"):
        triangulated(Sight.of(world.seen(at()), PLAIN), views)


def test_a_robot_that_turned_on_the_spot_has_none():
    world = World()
    views = views_of(world, [at(turn=(0.0, 0.1 * n, 0.0)) for n in (-2, -1, 1, 2)], noise=0.5)
    with pytest.raises(NoLandmarksError, match="hardly moved"):
        triangulated(Sight.of(world.seen(at()), PLAIN), views)


def test_a_turn_that_odometry_takes_for_a_way_has_none():
    """Wheels that slip while the robot turns on the spot."""
    world = World()
    true = [at(turn=(0.0, 0.1 * n, 0.0)) for n in (-2, -1, 1, 2)]
    told = [at(z=0.3 * n, turn=(0.0, 0.1 * n, 0.0)) for n in (-2, -1, 1, 2)]
    views = views_of(world, true, noise=0.5, told=told)
    with pytest.raises(NoLandmarksError, match="too few points"):
        triangulated(Sight.of(world.seen(at(), noise=0.5), PLAIN), views)


def test_without_neighbors_or_points_there_are_none():
    world = World()
    anchor = Sight.of(world.seen(at()), PLAIN)
    with pytest.raises(NoLandmarksError, match="hardly moved"):
        triangulated(anchor, [])
    empty = World(np.zeros((0, 3)))
    with pytest.raises(NoLandmarksError, match="too few points"):
        triangulated(Sight.of(empty.seen(at()), PLAIN), views_of(world, places()))
    with pytest.raises(NoLandmarksError, match="too few points"):
        triangulated(anchor, views_of(empty, places()))


def test_a_scene_too_far_away_has_none():
    world = World(World().points * [1.0, 1.0, 1.0] + [0.0, 0.0, 3000.0])
    views = views_of(world, places(), noise=0.5)
    with pytest.raises(NoLandmarksError, match="too few points"):
        triangulated(Sight.of(world.seen(at(), noise=0.5), PLAIN), views)
