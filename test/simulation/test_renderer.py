# SPDX-License-Identifier: Apache-2.0
"""The renderer against geometry that can be worked out by hand."""

import numpy as np
import pytest

from vpr_ros.simulation.camera import Camera, camera_pose
from vpr_ros.simulation.geometry import Texture, upright
from vpr_ros.simulation.renderer import Renderer, Scene

CAMERA = Camera(160, 120, 100.0)
BLACK = np.zeros((120, 160, 3), np.uint8)
EYE = camera_pose(np.array([0.0, 0.0]), 0.0, 1.5)
"""At the origin, 1.5 m up, looking along x; y is to the left."""


def wall(x, left, right, top, color, texels=50, two_sided=False):
    """A wall of one color across the view at distance x, from y = left to y = right."""
    size = (round(top * texels), round((left - right) * texels), 3)
    texture = Texture(np.full(size, color, np.uint8), texels)
    return upright((x, left), (x, right), top, texture, two_sided=two_sided)


def draw(*faces, pose=EYE):
    scene = Scene(faces, [face.texture.albedo for face in faces])
    return Renderer(scene, CAMERA).render(pose, BLACK)


def project(points):
    return CAMERA.project((points - EYE[:3, 3]) @ EYE[:3, :3])


def test_a_wall_ends_where_its_corners_project():
    face = wall(10.0, 2.0, -3.0, 4.0, 255)
    image = draw(face)[..., 0]
    (left, top), (right, _), (_, bottom), _ = project(face.corners)
    assert (left, right) == (59.5, 109.5)  # 79.5 - 100 * 2 / 10, 79.5 + 100 * 3 / 10
    columns, rows = np.flatnonzero(image[60] > 127), np.flatnonzero(image[:, 80] > 127)
    assert columns[[0, -1]] == pytest.approx([left, right], abs=1.0)
    assert rows[[0, -1]] == pytest.approx([top, bottom], abs=1.0)


def test_a_mark_on_a_slanted_wall_appears_where_it_projects():
    texture = Texture(np.zeros((200, 600, 3), np.uint8), 50.0)
    texture.albedo[100:110, 400:410] = 255
    face = upright((6.0, 4.0), (14.0, -4.9), 4.0, texture)
    image = draw(face)[..., 0].astype(float)
    expected = project(face.origin[None] + 8.1 * face.u_axis + 2.1 * face.v_axis)[0]
    rows, columns = np.indices(image.shape)
    found = np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()
    assert found == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("order", [1, -1])
def test_the_nearer_wall_hides_the_other_one(order):
    near, far = wall(5.0, 1.0, -1.0, 3.0, 200), wall(8.0, 4.0, -4.0, 3.0, 90)
    image = draw(*[near, far][::order])[..., 0]
    assert image[60, 80] == 200
    assert image[60, 40] == 90


def test_walls_that_pass_through_each_other_are_cut_at_their_common_line():
    ahead = wall(8.0, 4.0, -4.0, 3.0, 90)
    texture = Texture(np.full((150, 400, 3), 200, np.uint8), 50.0)
    slanted = upright((10.83, 2.83), (5.17, -2.83), 3.0, texture)
    row = draw(ahead, slanted)[60, :, 0]
    assert row[70] == 90
    assert row[88] == 200


def test_a_wall_that_reaches_behind_the_camera_is_drawn_to_the_image_border():
    texture = Texture(np.full((150, 1000, 3), 180, np.uint8), 50.0)
    image = draw(upright((-10.0, 2.0), (10.0, 2.0), 3.0, texture))[..., 0]
    assert image[60, 0] == 180
    assert image[60, 50] == 180
    assert image[60, 100] == 0


def test_walls_are_seen_from_the_front_unless_they_have_two_sides():
    turned = camera_pose(np.array([20.0, 0.0]), np.pi, 1.5)
    assert draw(wall(10.0, 2.0, -3.0, 4.0, 255), pose=turned).max() == 0
    assert draw(wall(10.0, 2.0, -3.0, 4.0, 255, two_sided=True), pose=turned).max() == 255


def test_one_sees_through_the_holes_of_a_texture():
    albedo, alpha = np.full((200, 200, 3), 200, np.uint8), np.full((200, 200), 255, np.uint8)
    alpha[:, 100:] = 0
    fence = upright((5.0, 2.0), (5.0, -2.0), 4.0, Texture(albedo, 50.0, alpha=alpha))
    row = draw(fence, wall(8.0, 5.0, -5.0, 4.0, 90))[60, :, 0]
    assert row[60] == 200
    assert row[100] == 90


def test_a_pattern_finer_than_a_pixel_becomes_gray_instead_of_flickering():
    board = np.indices((200, 600)).sum(axis=0) % 2 * 255
    texture = Texture(np.repeat(board[..., None], 3, axis=2).astype(np.uint8), 50.0)
    face = upright((16.0, 6.0), (16.0, -6.0), 4.0, texture)
    patch = draw(face)[55:65, 60:100, 0].astype(float)
    assert patch.mean() == pytest.approx(127.5, abs=3)
    assert patch.std() < 10
