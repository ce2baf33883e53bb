# SPDX-License-Identifier: Apache-2.0
"""Poses are kept for a while, each frame's apart, and a missing one has a cause."""

import math

import pytest

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.no_pose import in_words
from vpr_ros.geometry.pose_buffer import PoseBuffer

S = 10**9


def facing(yaw, x=0.0, frame="odom"):
    """A pose that looks along yaw."""
    half = yaw / 2
    return Pose((x, 0.0, 0.0), (0.0, 0.0, math.sin(half), math.cos(half)), frame)


def filled(*seconds, max_gap=1.0):
    """A buffer of poses that move at 1 m/s."""
    buffer = PoseBuffer(max_gap=max_gap)
    for second in seconds:
        buffer.add(round(second * S), facing(0.0, x=float(second)))
    return buffer


def x_at(buffer, second):
    pose = buffer.at(round(second * S))
    return None if pose is None else pose.position[0]


def test_an_empty_buffer_knows_nothing():
    assert PoseBuffer().at(0) is None
    assert PoseBuffer().newest_ns is None


def test_a_stamp_between_two_poses_is_interpolated():
    assert x_at(filled(1, 2, 3), 2.25) == pytest.approx(2.25)


@pytest.mark.parametrize("second", [1, 2, 3])
def test_exact_stamps_need_no_neighbor(second):
    assert x_at(filled(1, 2, 3, max_gap=0.1), second) == second


@pytest.mark.parametrize("second", [0.999, 3.001, -5, 100])
def test_nothing_is_extrapolated(second):
    assert x_at(filled(1, 2, 3), second) is None


def test_gaps_up_to_the_largest_are_bridged_and_no_longer_ones():
    buffer = filled(0, 1, 2.001)
    assert x_at(buffer, 0.5) == pytest.approx(0.5)
    assert x_at(buffer, 1.5) is None


def test_stamps_of_today_lose_no_nanosecond():
    start = 1_700_000_000 * S + 1
    buffer = PoseBuffer()
    buffer.add(start, facing(0.0, x=0.0))
    buffer.add(start + 2, facing(0.0, x=2.0))
    assert buffer.at(start + 1).position[0] == pytest.approx(1.0)


def test_the_same_stamp_again_replaces_the_pose():
    buffer = filled(1, 2)
    buffer.add(2 * S, facing(0.0, x=7.0))
    assert x_at(buffer, 2) == 7.0
    assert len(buffer) == 2


def test_a_jump_back_in_time_forgets_what_came_before():
    buffer = filled(10, 11, 12)
    buffer.add(5 * S, facing(0.0, x=5.0))
    assert len(buffer) == 1
    assert buffer.newest_ns == 5 * S
    assert x_at(buffer, 11) is None


@pytest.mark.parametrize("second", [2, 2.5])
def test_another_frame_starts_a_stretch_of_its_own(second):
    buffer = filled(1, 2)
    buffer.add(round(second * S), facing(0.0, x=70.0, frame="map"))
    buffer.add(4 * S, facing(0.0, x=90.0, frame="map"))
    assert x_at(buffer, 1.5) == 1.5
    assert buffer.at(round(second * S)).frame_id == ("odom" if second == 2 else "map")
    assert x_at(buffer, 2.25) is None, "nothing is interpolated between frames"


def test_two_publishers_in_turn_give_one_drive_in_the_frame_heard_first():
    buffer = PoseBuffer()
    for index in range(20):
        frame = "robot/odom" if index % 2 else "odom"
        buffer.add(index * S // 20, facing(0.0, x=index / 20, frame=frame))
    asked = [buffer.at(index * S // 40) for index in range(37)]
    assert {pose.frame_id for pose in asked} == {"odom"}
    assert [pose.position[0] for pose in asked] == pytest.approx([n / 40 for n in range(37)])


def test_a_publisher_that_is_late_does_not_forget_the_other_one():
    buffer = filled(10, 11, 12)
    buffer.add(9 * S, facing(0.0, frame="map"))
    assert x_at(buffer, 11) == 11.0


def test_the_frame_heard_first_is_waited_for_while_it_speaks():
    buffer = filled(1.0, 1.2)
    buffer.add(round(1.4 * S), facing(0.0, frame="map"))
    assert not buffer.reaches(round(1.3 * S))
    assert buffer.reaches(round(1.1 * S))
    buffer.add(round(2.4 * S), facing(0.0, frame="map"))
    assert buffer.reaches(round(1.3 * S))


@pytest.mark.parametrize(("second", "words"), [
    (43, "no pose within 1 s of the image: the nearest is 40.0 s away"),
    (-1.5, "no pose within 1 s of the image: the nearest is 2.50 s away"),
    (0.5, "the first pose comes 0.50 s after the image"),
    (3.25, "the newest pose is 0.25 s older than the image"),
])  # fmt: skip
def test_why_a_stamp_has_no_pose(second, words):
    missing = filled(1, 2, 3).why_not(round(second * S))
    assert in_words([missing]) == words


def test_why_a_stamp_has_no_pose_between_poses():
    buffer = filled(1, 2.2, 3)
    assert in_words([buffer.why_not(2 * S)]) == (
        "the poses around the image are 1.20 s apart, more than 1 s"
    )
    buffer.add(round(3.5 * S), facing(0.0, frame="robot/odom"))
    assert in_words([buffer.why_not(round(3.25 * S))]) == (
        "the frame changed from 'odom' to 'robot/odom' around the image"
    )
    assert in_words([PoseBuffer().why_not(0)]) == "no pose came"


def test_causes_are_counted_the_most_frequent_first():
    buffer = filled(1, 2, 3)
    missing = [buffer.why_not(round(second * S)) for second in (0.5, 10, 12, 13)]
    assert in_words(missing) == (
        "3: no pose within 1 s of the image: the nearest is 7.00 to 10.0 s away; "
        "1: the first pose comes 0.50 s after the image"
    )


def test_clocks_that_have_nothing_in_common_are_told_with_their_beginnings():
    buffer = filled(1, 2, 3)
    words = in_words([buffer.why_not(second * S) for second in (500, 501)], is_all=True)
    assert words.endswith(
        "the images' stamps and the poses' stamps do not overlap (image stamps begin at 500.000 s, "
        "poses at 1.000 s): are both of one clock?"
    )


def test_a_long_run_stays_small_and_keeps_the_last_while():
    buffer = PoseBuffer(max_age=2.0)
    for index in range(50_000):
        buffer.add(index * S // 100, facing(0.0, x=index / 100))
        assert len(buffer) <= 2 * 2 * 100 + 2
    assert x_at(buffer, 499.99 - 1.995) == pytest.approx(499.99 - 1.995)


def test_a_jump_far_ahead_forgets_the_past():
    buffer = filled(*range(20))
    buffer.add(10_000 * S, facing(0.0))
    assert len(buffer) == 1


def test_a_pose_that_comes_late_is_left_out():
    buffer = PoseBuffer(max_gap=1.0)
    for stamp_ns in (0, 200_000_000, 100_000_000, 400_000_000):
        x = 1e-9 * stamp_ns
        buffer.add(stamp_ns, Pose((x, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), "odom"))
    assert len(buffer) == 3
    assert buffer.at(300_000_000).position[0] == pytest.approx(0.3)
