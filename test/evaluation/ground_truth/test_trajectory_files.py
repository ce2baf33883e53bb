# SPDX-License-Identifier: Apache-2.0
"""Trajectory files of TUM and KITTI: exact stamps, axes, and damaged lines."""

import math

import numpy as np
import pytest

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.ground_truth.source import poses_at
from vpr_ros.evaluation.ground_truth.trajectory_files import (
    read_kitti,
    read_kitti_times,
    read_tum,
)


@pytest.fixture
def file(tmp_path):
    def write(text, name="file.txt"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_tum(file):
    text = (
        "# stamp tx ty tz qx qy qz qw\n1700000000.123456789 1 2 3 0 0 0 2\n1700000001 4 5 6 0 0 1 0"
    )
    (first, pose), (second, _) = read_tum(file(text))
    assert first == 1_700_000_000_123_456_789
    assert second == 1_700_000_001 * 10**9
    assert pose.position == (1.0, 2.0, 3.0)
    assert pose.orientation == (0.0, 0.0, 0.0, 1.0)


def kitti_line(x, y, z, turn=0.0):
    """The camera at (right, down, forward), turned to the right."""
    s, c = math.sin(turn), math.cos(turn)
    matrix = np.array([[c, 0, s, x], [0, 1, 0, y], [-s, 0, c, z]])
    return " ".join(f"{value:e}" for value in matrix.ravel())


def test_kitti_in_a_robots_axes(file):
    poses = file(kitti_line(0, 0, 0) + "\n" + kitti_line(1, -2, 10, math.radians(30)))
    times = read_kitti_times(file("0.000000e+00\n1.037e-01\n", "times.txt"), start_ns=5)
    assert times == [5, 103_700_005]
    (_, first), (stamp_ns, second) = read_kitti(poses, times)
    assert first.position == pytest.approx((0.0, 0.0, 0.0))
    assert abs(first.orientation[3]) == pytest.approx(1.0)
    assert stamp_ns == 103_700_005
    assert second.position == pytest.approx((10.0, -1.0, 2.0)), "ahead, to the right, up"
    heading = 2.0 * math.atan2(second.orientation[2], second.orientation[3])
    assert math.degrees(heading) == pytest.approx(-30.0), "to the right is clockwise"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file.txt: empty"),
        ("# only words", "file.txt: empty"),
        ("1.0 1 2 3 0 0 0", "file.txt:1: not 'stamp tx ty tz qx qy qz qw'"),
        ("1.0 1 2 3 0 0 0 0", "zero quaternion"),
        ("1.0 1 2 nan 0 0 0 1", "not finite"),
        ("noon 1 2 3 0 0 0 1", "stamp 'noon': not seconds"),
        ("inf 1 2 3 0 0 0 1", "stamp 'inf': not seconds"),
        ("2 1 2 3 0 0 0 1\n1 1 2 3 0 0 0 1", "stamps go back after pose 1"),
    ],
)
def test_damaged_tum(file, text, said):
    with pytest.raises(DatasetError, match=said):
        read_tum(file(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 2 3", "file.txt:1: not the 12 numbers of a pose"),
        ("2 0 0 0 0 2 0 0 0 0 2 0", "no rotation"),
        (kitti_line(0, 0, 0) + "\n" + kitti_line(0, 0, 0), "2 poses for 1 stamps: name the times"),
    ],
)
def test_damaged_kitti(file, text, said):
    with pytest.raises(DatasetError, match=said):
        read_kitti(file(text), [0])


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(DatasetError, match=r"none.txt: No such file"):
        read_tum(tmp_path / "none.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="binary: not a text file"):
        read_tum(tmp_path / "binary")


def test_truth_of_another_clock_is_told_with_both_spans(file):
    track = read_tum(file("10 0 0 0 0 0 0 1\n11 1 0 0 0 0 0 1"))
    poses = poses_at(track, [10_500_000_000, 12 * 10**9])
    assert poses[0].position[0] == pytest.approx(0.5)
    assert poses[1] is None
    with pytest.raises(DatasetError, match=r"truth covers 10.000..11.000 s, images 20.000..21.500"):
        poses_at(track, [20 * 10**9, 21_500_000_000])
    with pytest.raises(DatasetError, match=r"at most 0.5 s apart"):
        poses_at(track, [10_500_000_000], max_gap=0.5)
