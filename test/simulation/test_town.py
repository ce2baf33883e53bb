# SPDX-License-Identifier: Apache-2.0
"""The town: the same from the same seed, full of different houses, lit as the laps need it."""

import itertools

import cv2
import numpy as np
import pytest

from vpr_ros.simulation.camera import camera_pose
from vpr_ros.simulation.geometry import UP
from vpr_ros.simulation.laps import Film, map_lap, query_lap, small_drive
from vpr_ros.simulation.light import DAYLIGHT, DUSK, LightField
from vpr_ros.simulation.street import all_faces, build_town, parked_cars
from vpr_ros.simulation.textures import FrontSize, facade

CONFIG = small_drive()
SIZE = FrontSize(width=6.0, eaves=8.8, top=8.8, storeys=3)


@pytest.fixture(scope="module")
def town():
    return build_town(CONFIG.plan, CONFIG.seed)


@pytest.fixture(scope="module")
def films(town):
    return Film(CONFIG, town, map_lap(CONFIG)), Film(CONFIG, town, query_lap(CONFIG))


def paint(seed):
    return facade(np.random.default_rng(seed), SIZE).albedo


def likeness(left, right):
    """Correlation of two images, -1 to 1."""
    return float(np.corrcoef(left.ravel(), right.ravel())[0, 1])


def test_a_seed_always_paints_the_same_facade():
    assert np.array_equal(paint(3), paint(3))


def test_facades_of_different_seeds_are_unlike():
    gray = [cv2.cvtColor(paint(seed), cv2.COLOR_RGB2GRAY) for seed in range(8)]
    assert max(likeness(a, b) for a, b in itertools.combinations(gray, 2)) < 0.5


def test_facades_give_features_all_over():
    keypoints = cv2.SIFT.create(2000).detect(cv2.cvtColor(paint(5), cv2.COLOR_RGB2GRAY), None)
    cells = {(int(k.pt[0] // 100), int(k.pt[1] // 110)) for k in keypoints}
    assert len(keypoints) > 200
    assert len(cells) == 3 * 4


def test_the_same_seed_builds_the_same_town(town):
    again = build_town(CONFIG.plan, CONFIG.seed)
    for left, right in zip(all_faces(town, []), all_faces(again, []), strict=True):
        assert np.array_equal(left.corners, right.corners)
        assert np.array_equal(left.texture.albedo, right.texture.albedo)


def test_a_frame_always_looks_the_same(films):
    assert np.array_equal(films[0].frame(5), films[0].frame(5))


def test_no_two_houses_overlap_with_the_street(town):
    paths = [lap(CONFIG).trajectory(CONFIG).positions for lap in (map_lap, query_lap)]
    for house in town.houses:
        outline = house.footprint.astype(np.float32)
        for x, y in np.concatenate(paths):
            assert cv2.pointPolygonTest(outline, (float(x), float(y)), True) < -1.5


def test_no_car_stands_in_the_way(town):
    for lap in (map_lap(CONFIG), query_lap(CONFIG)):
        for car in parked_cars(CONFIG.plan, CONFIG.seed, lap.index):
            outline = car.footprint.astype(np.float32)
            for x, y in lap.trajectory(CONFIG).positions:
                assert cv2.pointPolygonTest(outline, (float(x), float(y)), True) < -0.5


def test_each_lap_has_cars_of_its_own():
    first, second = (parked_cars(CONFIG.plan, CONFIG.seed, lap) for lap in (0, 1))
    same = parked_cars(CONFIG.plan, CONFIG.seed, 0)
    assert [c.footprint.tolist() for c in first] == [c.footprint.tolist() for c in same]
    assert [c.footprint.tolist() for c in first] != [c.footprint.tolist() for c in second]


def test_houses_throw_shadows_by_day_only(town):
    middle = np.array([[x, 0.0, 0.0] for x in np.arange(0.0, CONFIG.plan.length, 0.5)])
    across = np.array([[12.0, y, 0.0] for y in np.arange(-4.0, 4.0, 0.25)])
    ground = np.concatenate([middle, across])
    day = LightField(town, [], DAYLIGHT).irradiance(ground, UP)[:, 0]
    assert day.max() > 1.5 * day.min()
    bare = LightField(town, [], DUSK)
    assert bare.irradiance(ground, UP).max() < day.max()


def test_street_lamps_light_the_ground_below_them(town):
    field = LightField(town, [], DUSK)
    below = town.lamps * [1.0, 1.0, 0.0]
    corner = np.array([[CONFIG.plan.length, CONFIG.plan.width, 0.0]])
    assert field.irradiance(below, UP).mean() > 1.2 * field.irradiance(corner, UP).mean()


def test_lap_two_is_dimmer_but_shows_the_same_town(films):
    day, dusk = films
    position, heading = day.trajectory.positions[3], float(day.trajectory.headings[3])
    light, dim = day.frame(0), dusk.frame(0)
    assert dim.mean() < 0.75 * light.mean()
    views = [cv2.cvtColor(film.view(position, heading), cv2.COLOR_RGB2GRAY) for film in films]
    above_cars = [view[: CONFIG.image_height // 2] for view in views]
    assert 0.3 < likeness(*above_cars) < 0.98


def test_pictures_agree_with_the_ground_truth(town, films):
    """Facades, cut out of a picture at the corners that the true pose gives, are recognized."""
    film, seen = films[0], []
    for index in range(0, len(film.trajectory), 5):
        position, heading = film.trajectory.positions[index], float(film.trajectory.headings[index])
        pose = camera_pose(position, heading, CONFIG.camera_height)
        image = film.view(position, heading)
        clear = [house for house in town.houses if in_the_open(town, house, position)]
        seen += [cut_out_likeness(house.faces[0], image, pose) for house in clear]
    matches = [value for value in seen if value is not None]
    assert len(matches) >= 8
    assert np.median(matches) > 0.8


def in_the_open(town, house, position):
    """Whether no house stands between a place and the ends of a facade."""
    ends = house.faces[0].corners[:2, :2]
    ways = position + np.linspace(0.0, 0.97, 20)[:, None, None] * (ends - position)
    return all(
        cv2.pointPolygonTest(other.footprint.astype(np.float32), (float(x), float(y)), False) < 0
        for other in town.houses
        for x, y in ways.reshape(-1, 2)
    )


def cut_out_likeness(face, image, pose):
    """How much a facade in the picture looks like its texture; None unless seen in full."""
    corners = face.origin + np.array(upper_part(face)) @ np.array([face.u_axis, face.v_axis])
    seen = (corners - pose[:3, 3]) @ pose[:3, :3]
    depth = seen[:, 2]
    facing = (pose[:3, 3] - corners[0]) @ face.normal
    if depth.min() < 1.0 or facing < 0.4 * depth.max():
        return None
    pixels = CONFIG.camera.project(seen).astype(np.float32)
    if pixels.min() < 0 or (pixels > (CONFIG.image_width - 1, CONFIG.image_height - 1)).any():
        return None
    texels = np.array(upper_part(face), np.float32) * face.texture.texels_per_meter
    wanted = cv2.getPerspectiveTransform(pixels, texels - texels[0])
    size = tuple(int(side) for side in texels[2] - texels[0])
    found = cv2.cvtColor(cv2.warpPerspective(image, wanted, size), cv2.COLOR_RGB2GRAY)
    top = int(texels[0, 1])
    albedo = face.texture.albedo[top : top + size[1], : size[0]]
    real = cv2.GaussianBlur(cv2.cvtColor(albedo, cv2.COLOR_RGB2GRAY), (0, 0), 3)
    return likeness(found, real)


def upper_part(face):
    """The rectangle of the first upper floor, above cars and below the eaves, as (u, v)."""
    width, height = face.texture.size_m
    return [(0.0, height - 5.6), (width, height - 5.6), (width, height - 3.4), (0.0, height - 3.4)]


def features(film, index):
    return cv2.SIFT.create(400).detectAndCompute(film.frame(index), None)


def inliers(left, right):
    """SIFT matches of two pictures that agree on one homography."""
    pairs = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(left[1], right[1])
    start = np.float32([left[0][pair.queryIdx].pt for pair in pairs])
    end = np.float32([right[0][pair.trainIdx].pt for pair in pairs])
    _, mask = cv2.findHomography(start, end, cv2.RANSAC, 5.0)
    return 0 if mask is None else int(mask.sum())


def test_lap_two_is_recognized_where_lap_one_was_and_nowhere_else(films):
    day, dusk = films
    ways = dusk.trajectory.positions[:, None] - day.trajectory.positions[None]
    apart = np.linalg.norm(ways, axis=2)
    street, detour = (np.flatnonzero(where) for where in (apart.min(1) < 1.3, apart.min(1) > 10.0))
    right = [inliers(features(dusk, i), features(day, apart[i].argmin())) for i in street[1:-1:6]]
    database = [features(day, i) for i in range(0, len(day.trajectory), 6)]
    wrong = [inliers(features(dusk, i), other) for i in detour[::5] for other in database]
    assert np.median(right) > 40
    assert max(wrong) < 20
