# SPDX-License-Identifier: Apache-2.0
"""Transforms and covariances in other frames are what comes out of moving the frames themselves."""

import math
from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.datatypes import MeasuredTransform, Pose
from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import RelativePose, RigidTransform, cross

SMALL = 1e-6


def turn(vector):
    """Rotation by a vector (rad), by Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle == 0.0:
        return np.eye(3)
    k = cross(np.asarray(vector) / angle)
    return np.eye(3) + math.sin(angle) * k + (1.0 - math.cos(angle)) * k @ k


def moved(transform, error):
    """The transform with a small error: x, y, z, and a rotation about the fixed axes."""
    return RigidTransform(
        turn(error[3:]) @ transform.rotation, transform.translation + np.asarray(error[:3])
    )


def jacobian(function, transform):
    """How errors of a transform show in a function of it, by finite differences: [6, 6]."""
    exact = function(transform)
    columns = []
    for axis in np.eye(6):
        other = function(moved(transform, SMALL * axis))
        twist = other.rotation @ exact.rotation.T
        rotation = [twist[2, 1] - twist[1, 2], twist[0, 2] - twist[2, 0], twist[1, 0] - twist[0, 1]]
        shift = other.translation - exact.translation
        columns.append(np.concatenate([shift, np.array(rotation) / 2.0]) / SMALL)
    return np.array(columns).T


def sample(seed):
    random = np.random.default_rng(seed)
    transform = RigidTransform(turn(random.normal(size=3)), random.normal(size=3))
    mounts = [RigidTransform(turn(random.normal(size=3)), random.normal(size=3)) for _ in range(2)]
    root = random.normal(size=(6, 6))
    return RelativePose(transform, root @ root.T), mounts


@pytest.mark.parametrize("seed", range(5))
def test_the_inverse_and_its_covariance(seed):
    pose, _ = sample(seed)
    back = pose.inverse()
    together = pose.transform @ back.transform
    np.testing.assert_allclose(together.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(together.translation, np.zeros(3), atol=1e-12)
    j = jacobian(RigidTransform.inverse, pose.transform)
    np.testing.assert_allclose(back.covariance, j @ pose.covariance @ j.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_motion_of_the_base_and_its_covariance(seed):
    pose, (target, source) = sample(seed)
    base = pose.carried_by(target, source)
    expected = target @ pose.transform @ source.inverse()
    np.testing.assert_allclose(base.transform.rotation, expected.rotation, atol=1e-12)
    np.testing.assert_allclose(base.transform.translation, expected.translation, atol=1e-12)
    j = jacobian(lambda t: target @ t @ source.inverse(), pose.transform)
    np.testing.assert_allclose(base.covariance, j @ pose.covariance @ j.T, rtol=1e-4, atol=1e-4)


def test_one_camera_is_both_of_two():
    pose, (mount, _) = sample(0)
    still = RelativePose(RigidTransform.identity(), pose.covariance).carried_by(mount, mount)
    np.testing.assert_allclose(still.transform.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(still.transform.translation, np.zeros(3), atol=1e-12)


AHEAD = Pose((0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0), "camera")
COVARIANCE = np.diag((0.04, 0.09, 0.01, 1e-4, 4e-4, 9e-4))


def test_a_motion_is_read_as_it_is_written():
    pose = RelativePose.measured(MeasuredTransform(AHEAD, COVARIANCE))
    np.testing.assert_allclose(pose.transform.translation, [0.0, 0.0, 1.0])
    assert pose.variances() == pytest.approx([0.04, 0.09, 0.01, 1e-4, 4e-4, 9e-4])


@pytest.mark.parametrize(("changes", "why"), [
    ({"covariance": np.zeros((6, 6))}, "covariance is not filled in"),
    ({"covariance": np.full((6, 6), math.nan)}, "covariance is not filled in"),
    ({"match_T_query": replace(AHEAD, orientation=(0.0, 0.0, 0.0, 0.0))}, "zero quaternion"),
    ({"match_T_query": replace(AHEAD, position=(math.inf, 0.0, 0.0))}, "not finite"),
])  # fmt: skip
def test_what_was_not_measured_is_not_made_up(changes, why):
    motion = replace(MeasuredTransform(AHEAD, COVARIANCE), **changes)
    with pytest.raises(PoseError, match=why):
        RelativePose.measured(motion)
