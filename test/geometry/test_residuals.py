# SPDX-License-Identifier: Apache-2.0
"""Angles by which points miss directions, and their derivatives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.geometry.residuals import (
    crosses,
    difference,
    exponential,
    logarithm,
    misses,
    moved,
    tangents,
)
from vpr_ros.geometry.transforms import RigidTransform

VECTORS = st.tuples(*[st.floats(-3.0, 3.0)] * 3).map(np.array)


def some_rays(count=50):
    rays = np.random.default_rng(0).normal(size=(count, 3))
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def test_tangents_are_units_across_the_direction():
    rays = np.vstack([some_rays(), np.eye(3), -np.eye(3)])
    across = tangents(rays)
    np.testing.assert_allclose(
        across @ across.transpose(0, 2, 1), np.tile(np.eye(2), (56, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.einsum("nij,nj->ni", across, rays), 0.0, atol=1e-12)


def test_a_point_on_its_direction_misses_by_nothing_and_one_beside_by_its_angle():
    rays = np.array([[0.0, 0.0, 1.0]])
    residuals, _ = misses(rays, tangents(rays), np.array([[0.0, 0.0, 7.0]]))
    np.testing.assert_allclose(residuals, 0.0)
    residuals, _ = misses(rays, tangents(rays), np.array([[0.01, 0.0, 10.0]]))
    assert np.linalg.norm(residuals) == pytest.approx(1e-3, rel=1e-5)


def test_points_behind_are_not_numbers():
    rays = np.array([[0.0, 0.0, 1.0]])
    residuals, _ = misses(rays, tangents(rays), np.array([[0.0, 0.0, -7.0]]))
    assert np.isnan(residuals).all()


def test_derivatives_are_those_of_differences():
    rays, step = some_rays(), 1e-6
    across = tangents(rays)
    points = 5.0 * rays + 0.3 * some_rays()[::-1]
    before, derivatives = misses(rays, across, points)
    for axis in range(3):
        after, _ = misses(rays, across, points + step * np.eye(3)[axis])
        np.testing.assert_allclose((after - before) / step, derivatives[:, :, axis], atol=1e-6)


@given(VECTORS)
def test_rotations_come_back_from_their_vectors(turn):
    if np.linalg.norm(turn) < np.pi - 1e-3:
        np.testing.assert_allclose(logarithm(exponential(turn)), turn, atol=1e-6)


@given(VECTORS)
def test_half_turns_have_an_axis(axis):
    if np.linalg.norm(axis) > 0.1:
        turn = np.pi * axis / np.linalg.norm(axis)
        back = logarithm(exponential(turn))
        np.testing.assert_allclose(exponential(back), exponential(turn), atol=1e-5)


def test_steps_are_what_lies_between():
    start = RigidTransform(exponential(np.array([0.3, -0.2, 1.0])), np.array([1.0, 2.0, 3.0]))
    step = np.array([0.1, -0.2, 0.3, 0.01, 0.02, -0.03])
    np.testing.assert_allclose(difference(moved(start, step), start), step, atol=1e-12)


def test_crosses_multiply():
    a, b = some_rays(), some_rays()[::-1]
    np.testing.assert_allclose(np.einsum("nij,nj->ni", crosses(a), b), np.cross(a, b), atol=1e-12)
