# SPDX-License-Identifier: Apache-2.0
"""Which keyframes have a pose is told, and why others have none."""

import pytest
from recorded import START_NS, STEP_NS, drawn

from vpr_ros.place_map import PlaceMap


def images(bags, count=10, shift_ns=0):
    """A drive's images, every 0.2 s."""
    stamps = [START_NS + index * STEP_NS for index in range(count)]
    return [bags.jpeg("/image", ns + shift_ns, drawn(i, 240, 320)) for i, ns in enumerate(stamps)]


def odometry(bags, count=10, **changes):
    """1 m per image; ``changes`` may be functions of the number."""
    return [
        bags.odometry("/odom", START_NS + index * STEP_NS, float(index), **{
            name: change(index) if callable(change) else change for name, change in changes.items()
        })
        for index in range(count)
    ]  # fmt: skip


@pytest.fixture
def mapped(vpr, bags, tmp_path):
    """Makes a map of messages; gives what was said and the keyframes' poses."""

    def run(messages, *words):
        path = tmp_path / "route.vprmap"
        stamps = range(len(messages))  # recorded in this order, whatever they are stamped
        bag = bags.write(messages, log_times=[START_NS + index for index in stamps])
        result = vpr("map", bag, "-o", path, *words)
        with PlaceMap.open(path) as place_map:
            return result, [record.pose for record in place_map.table.records()]

    return run


def test_a_drive_whose_images_have_poses_says_so(mapped, bags):
    result, poses = mapped([*images(bags), *odometry(bags)])
    assert (result.code, result.err) == (0, "")
    assert "poses from /odom for 10 of 10" in result.out
    assert all(poses)


def test_another_clock_is_an_exit_status_of_its_own_with_the_stamps(mapped, bags):
    result, poses = mapped([*images(bags, shift_ns=40 * 10**9), *odometry(bags)])
    assert result.code == 3
    assert poses == [None] * 10
    assert "/odom for 0 of 10" in result.out
    assert "10 of 10 keyframes have no pose from /odom: no pose within 1 s" in result.err
    assert "the nearest is 38.2 to 40.0 s away" in result.err
    assert "image stamps begin at 1700000040.000 s, poses at 1700000000.000 s" in result.err


def test_who_wants_no_poses_misses_none(mapped, bags):
    late = images(bags, shift_ns=40 * 10**9)
    result, _ = mapped([*late, *odometry(bags)], "--pose-topic", "none")
    assert (result.code, result.err) == (0, "")


def test_odometry_that_ends_early_is_a_warning(mapped, bags):
    result, poses = mapped([*images(bags), *odometry(bags, count=5)])
    assert result.code == 0
    assert [pose is not None for pose in poses] == [True] * 5 + [False] * 5
    assert (
        "warning: 5 of 10 keyframes have no pose from /odom: the newest pose is 0.20 to 1.00 s "
        "older than the image"
    ) in result.err


def test_a_frame_that_changes_once_costs_no_pose_of_either_side(mapped, bags):
    result, poses = mapped([*images(bags), *odometry(bags, frame=lambda i: "odom" * (i > 4))])
    assert [pose.frame_id for pose in poses] == [""] * 5 + ["odom"] * 5
    assert (result.code, result.err) == (0, "")


def test_images_between_two_frames_are_told_both(mapped, bags):
    moved = [*images(bags, 9, STEP_NS // 2), *odometry(bags, frame=lambda i: "a" if i < 5 else "b")]
    result, poses = mapped(moved)
    assert poses.count(None) == 1
    assert "1 of 9 keyframes has no pose" in result.err
    assert "the frame changed from 'a' to 'b' around the image" in result.err


def test_two_publishers_in_turn_give_every_keyframe_a_pose_of_one_frame(mapped, bags):
    turns = odometry(bags, 12, frame=lambda i: ("odom", "robot/odom")[i % 2])
    result, poses = mapped([*images(bags), *turns])
    assert (result.code, result.err) == (0, "")
    assert {pose.frame_id for pose in poses} == {"odom"}


def test_refused_poses_are_counted_with_the_first_reason(mapped, bags):
    result, _ = mapped([*images(bags), *odometry(bags, is_filled_in=False)])
    assert result.code == 3
    assert "no pose from /odom: 10 poses were refused, the first: /odom at 17" in result.err
    assert "zero quaternion" in result.err
