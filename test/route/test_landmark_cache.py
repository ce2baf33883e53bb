# SPDX-License-Identifier: Apache-2.0
"""Landmarks are made once, in bounds, and anew where they hold no more."""

import numpy as np
import pytest
from robots import ALONG, Robot, base_pose
from worlds import PLAIN, at

from vpr_ros.datatypes import Features, Keyframe, KeyframeKey
from vpr_ros.geometry.landmarks import NoLandmarksError
from vpr_ros.place_map import CorrectedPoses
from vpr_ros.route.landmark_cache import LandmarkCache


@pytest.fixture
def robot(tmp_path):
    return Robot(tmp_path / "m.vprmap", ALONG)


def test_landmarks_are_made_once(robot):
    cache, key = LandmarkCache(robot.map), robot.map.table.key(4)
    assert cache.of(key) is cache.of(key)
    assert len(cache) == 1


def test_the_cache_stays_in_bounds(robot):
    cache = LandmarkCache(robot.map, capacity_bytes=100_000)
    made = [cache.of(robot.map.table.key(row)) for row in range(9)]
    assert len(cache) < 9
    assert cache.of(robot.map.table.key(8)) is made[8]
    assert cache.of(robot.map.table.key(0)) is not made[0]


def test_a_keyframe_that_gains_neighbors_gets_more_landmarks(robot):
    cache, key = LandmarkCache(robot.map), robot.map.table.key(8)
    before = cache.of(key)
    for n in (9, 10):
        points = robot.world.seen(at(z=float(n)), noise=0.3, seed=n)
        features = Features(np.eye(4, dtype=np.float32)[0], None, points)
        robot.map.append(Keyframe(n * 10**9, features, base_pose(at(z=float(n)), PLAIN), PLAIN))
    after = cache.of(key)
    assert len(after.view_T_anchor) > len(before.view_T_anchor)


def test_corrected_poses_empty_it(robot):
    cache, key = LandmarkCache(robot.map), robot.map.table.key(4)
    before = cache.of(key)
    poses = np.hstack([1.1 * robot.map.table.positions, robot.map.table.orientations])
    robot.map.correct_poses(CorrectedPoses(np.arange(9), poses, ["odom"] * 9))
    after = cache.of(key)
    assert len(cache) == 1
    ratio = np.median(np.linalg.norm(after.points, axis=1)) / np.median(
        np.linalg.norm(before.points, axis=1)
    )
    assert 1.04 < ratio < 1.2


def test_a_keyframe_that_is_gone_has_none(robot):
    cache = LandmarkCache(robot.map)
    with pytest.raises(NoLandmarksError, match="not in the map"):
        cache.of(KeyframeKey(robot.map.uuid, 999))
