# SPDX-License-Identifier: Apache-2.0
"""Transforms and covariances in other frames are what comes out of moving the frames themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="the adapters need ROS 2")

from geometry_msgs.msg import Transform
from slam_harness import loop_closure

from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import RigidTransform, cross, quaternion
from vpr_ros.nodes.slam.relative_pose import (
    RelativePose,
    measured_pose,
    rigid_transform,
    transform_message,
)

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
    mount = RigidTransform(turn(random.normal(size=3)), random.normal(size=3))
    root = random.normal(size=(6, 6))
    return RelativePose(transform, root @ root.T), mount


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
    pose, mount = sample(seed)
    base = pose.carried_by(mount)
    expected = mount @ pose.transform @ mount.inverse()
    np.testing.assert_allclose(base.transform.rotation, expected.rotation, atol=1e-12)
    np.testing.assert_allclose(base.transform.translation, expected.translation, atol=1e-12)
    j = jacobian(lambda t: mount @ t @ mount.inverse(), pose.transform)
    np.testing.assert_allclose(base.covariance, j @ pose.covariance @ j.T, rtol=1e-4, atol=1e-4)


numbers = st.floats(-1.0, 1.0)


@given(st.tuples(numbers, numbers, numbers, numbers).filter(lambda q: math.hypot(*q) > 0.01))
def test_quaternions_there_and_back(values):
    message = Transform()
    q = message.rotation
    q.x, q.y, q.z, q.w = values
    transform = rigid_transform(message)
    np.testing.assert_allclose(transform.rotation @ transform.rotation.T, np.eye(3), atol=1e-12)
    back = np.array(quaternion(transform.rotation))
    unit = np.array(values) / math.hypot(*values)
    assert abs(float(back @ unit)) == pytest.approx(1.0, abs=1e-12)
    r = transform_message(transform).rotation
    assert math.hypot(r.x, r.y, r.z, r.w) == pytest.approx(1.0, abs=1e-12)


def test_a_closure_is_read_as_it_is_written():
    pose = measured_pose(loop_closure())
    np.testing.assert_allclose(pose.transform.translation, [0.0, 0.0, 1.0])
    assert pose.variances() == pytest.approx([0.04, 0.09, 0.01, 1e-4, 4e-4, 9e-4])


def _without(change):
    closure = loop_closure()
    change(closure)
    return closure


@pytest.mark.parametrize(("change", "why"), [
    (lambda c: setattr(c, "has_transform", False), "no measured transform"),
    (lambda c: setattr(c, "covariance", [0.0] * 36), "covariance .* is not filled in"),
    (lambda c: setattr(c, "covariance", [math.nan] * 36), "covariance .* is not filled in"),
    (lambda c: setattr(c.transform.rotation, "w", 0.0), "zero quaternion"),
    (lambda c: setattr(c.transform.translation, "x", math.inf), "not finite"),
])  # fmt: skip
def test_what_was_not_measured_is_not_made_up(change, why):
    with pytest.raises(PoseError, match=why):
        measured_pose(_without(change))
