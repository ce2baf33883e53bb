# SPDX-License-Identifier: Apache-2.0
"""Poses measured in a rendered street: right within their covariance, or refused with the reason.

Images, keypoints and landmarks are real; only the match is given, that of the nearest keyframe.
"""

from itertools import pairwise

import numpy as np
import pytest
from rendered_street import (
    DAY,
    EVENING,
    FISHEYE,
    FRONT,
    NIGHT,
    OTHER,
    REAR,
    Mapped,
    Town,
    base,
    way,
)

from vpr_ros.geometry.transforms import RigidTransform

CHI_SQUARE_999 = 22.458  # the 99.9 % quantile with six degrees of freedom
WAY = way()
ASIDE = way(1.0, first=6.0, last=22.0, step=3.0)
FAR_ASIDE = way(2.0, first=6.0, last=22.0, step=3.0)
OPPOSITE = way(2.4, first=6.0, last=22.0, step=3.0, back=True)


@pytest.fixture(scope="module")
def town():
    pytest.importorskip("poselib", reason="poses are sampled by poselib")
    return Town()


@pytest.fixture(scope="module")
def mapped(town, tmp_path_factory):
    return Mapped(town, tmp_path_factory.mktemp("street") / "m.vprmap", WAY)


def check(errors, meters=0.25):
    """All are measured, and nearly all are where their covariances have them."""
    assert (errors.measured, errors.reasons) == (errors.accepted, {})
    assert errors.errors.distances.max() < meters
    assert np.median(errors.errors.distances) < 0.4 * meters
    assert np.median(errors.errors.angles) < np.radians(0.5)
    beyond = errors.normalized > CHI_SQUARE_999
    assert beyond.sum() <= len(beyond) // 6, errors.normalized


def refused(errors, why):
    assert errors.measured == 0
    assert errors.accepted == sum(errors.reasons.values())
    for reason in errors.reasons:
        assert reason.startswith("no pose: ")
        assert any(each in reason for each in why)


CASES = {
    "two meters aside in the evening": (FAR_ASIDE, FRONT, EVENING),
    "the opposite lane, by the rear camera": (OPPOSITE, REAR, EVENING),
    "half the resolution, 1.3 times the focal length": (ASIDE, OTHER, EVENING),
    "night": (ASIDE, FRONT, NIGHT),
}


@pytest.mark.parametrize("case", CASES)
def test_poses_are_right_within_their_covariance(mapped, case):
    check(mapped.measured(*CASES[case]))


def test_a_fisheye_maps_and_measures(town, tmp_path):
    street = Mapped(town, tmp_path / "m.vprmap", WAY[3:14], FISHEYE)
    check(street.measured(way(1.0, first=9.0, last=18.0, step=3.0), FISHEYE))


def drifted(poses, scale, seed=3):
    """What odometry tells of a way: too long, and turning by itself."""
    random, told = np.random.default_rng(seed), poses[:1]
    for before, after in pairwise(poses):
        step = before.inverse() @ after
        turn = random.normal(0.0, 0.003) * np.sqrt(np.linalg.norm(step.translation))
        moved = RigidTransform(step.rotation, scale * step.translation) @ base(0.0, 0.0, turn)
        told.append(told[-1] @ moved)
    return told


@pytest.mark.parametrize("scale", [0.98, 1.02])
def test_odometry_of_a_map_that_drifts_is_in_the_covariance(town, tmp_path, scale):
    street = Mapped(town, tmp_path / "m.vprmap", WAY, told=drifted(WAY, scale))
    assert np.linalg.norm(street.map.table.positions[-1] - WAY[-1].translation) > 0.2
    check(street.measured(FAR_ASIDE))


THERE = WAY[6]
TURNS = [THERE @ base(0.0, 0.0, 0.12 * n) for n in range(-2, 3)]
FEW = "too few points of the keyframe were seen again by its neighbors"
STUCK = {
    "stood still": ([THERE] * 4, None, ("hardly moved",)),
    # The camera is before the axis: it does move, by centimeters.
    "turned on the spot": (TURNS, None, ("hardly moved", FEW)),
    "no odometry": (WAY[5:8], [None] * 3, ("the keyframe has no pose",)),
}


@pytest.mark.parametrize("case", STUCK)
def test_maps_that_tell_no_meters_refuse_and_say_why(town, tmp_path, case):
    places, told, why = STUCK[case]
    street = Mapped(town, tmp_path / "m.vprmap", places, told=told)
    refused(street.measured(places[1:3], moment=DAY), why)


# Why is not settled. Half of the pairs and more are wrong there, and the landmarks vague; perhaps
# the second look, near the pose that was found, finds pairs that bear out whatever that is. To
# start from the true pose did not help.
TOO_SURE = pytest.mark.xfail(strict=True, reason="too sure before a wall that was only approached")
END = way(1.0, first=25.0, last=28.0, step=1.0)


@TOO_SURE
def test_another_camera_at_the_end_of_a_drive_before_a_wall(mapped):
    check(mapped.measured(END, OTHER))


@TOO_SURE
def test_a_pinhole_camera_in_what_a_fisheye_mapped_before_a_wall(town, tmp_path):
    check(Mapped(town, tmp_path / "m.vprmap", WAY[10:], FISHEYE).measured(END, FRONT))
