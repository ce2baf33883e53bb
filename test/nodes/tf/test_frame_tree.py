# SPDX-License-Identifier: Apache-2.0
"""Between two frames nothing is extrapolated, nor interpolated over a gap; time may start over."""

import pytest

from vpr_ros.nodes.tf.frame_tree import FrameTree

S = 10**9


def ns(second):
    return round(second * S)


@pytest.fixture
def tree():
    """odom -> footprint at 10 s, 10.1 s and 10.2 s; footprint -> base is fixed."""
    tree = FrameTree("odom", "base", max_gap=0.5, max_age=30.0)
    tree.fix("footprint", "base")
    for second in (10.0, 10.1, 10.2):
        assert not tree.add("odom", "footprint", ns(second))
    return tree


@pytest.mark.parametrize("second", [10.0, 10.05, 10.1, 10.2])
def test_what_is_enclosed_is_known(tree, second):
    assert tree.reaches(ns(second))
    assert tree.why_not(ns(second)) == ""


def test_nothing_is_extrapolated(tree):
    assert not tree.reaches(ns(10.21))
    assert tree.why_not(ns(10.3)) == "TF's odom -> footprint ends 0.100 s before the image"
    assert tree.reaches(ns(9.75))  # older ones do not come any more
    assert tree.why_not(ns(9.75)) == "TF's odom -> footprint begins 0.250 s after the image"


def test_a_gap_is_not_interpolated(tree):
    tree.add("odom", "footprint", ns(10.8))
    reason = "TF's odom -> footprint says nothing for 0.600 s around the image: see pose_gap"
    assert tree.why_not(ns(10.5)) == reason
    assert tree.why_not(ns(10.8)) == ""
    tree.add("odom", "footprint", ns(10.45))  # late, but it came
    assert tree.why_not(ns(10.5)) == ""


def test_tf2_takes_no_stamp_for_the_latest(tree):
    assert tree.why_not(0) == "the image has no stamp"


def test_frames_that_are_not_connected(tree):
    other = FrameTree("map", "base", max_gap=0.5, max_age=30.0)
    other.add("odom", "base", ns(10))
    assert not other.reaches(ns(10))
    assert other.why_not(ns(10)) == "TF does not connect 'base' with 'map'"
    other.add("map", "odom", ns(11))
    assert not other.reaches(ns(10.5))  # the slowest counts
    assert other.why_not(ns(10)) == "TF's map -> odom begins 1.000 s after the image"


def test_frames_in_a_circle_end_nothing():
    tree = FrameTree("map", "a", max_gap=0.5, max_age=30.0)
    tree.add("b", "a", ns(1))
    tree.add("a", "b", ns(1))
    assert not tree.reaches(ns(1))


def test_frames_on_two_branches_meet_above():
    tree = FrameTree("camera", "wheel", max_gap=0.5, max_age=30.0)
    tree.fix("base", "camera")
    tree.add("base", "wheel", ns(10))
    tree.add("odom", "base", ns(3))  # above where they meet: of no account
    assert tree.why_not(ns(10)) == ""


def test_a_frame_fixed_in_the_other_is_known_at_any_stamp():
    tree = FrameTree("map", "base", max_gap=0.5, max_age=30.0)
    tree.fix("map", "base")
    assert tree.reaches(ns(7))
    assert tree.why_not(ns(7)) == ""


def test_time_that_jumps_back_is_followed(tree):
    assert tree.add("odom", "footprint", ns(1.0))
    tree.add("odom", "footprint", ns(1.1))
    assert tree.why_not(ns(1.05)) == ""
    assert not tree.reaches(ns(1.2))  # what was told before does not count
    assert "footprint ends" in tree.why_not(ns(10.1))


def test_one_that_is_late_is_no_jump(tree):
    assert not tree.add("odom", "footprint", ns(9.75))
    assert tree.why_not(ns(10.1)) == ""


def test_frames_elsewhere_may_go_back(tree):
    tree.add("base", "tag", ns(20))
    assert not tree.add("base", "tag", ns(10))
    assert tree.why_not(ns(10.1)) == ""


def test_old_stamps_are_forgotten(tree):
    for second in range(11, 200):
        tree.add("odom", "footprint", ns(second))
    assert "begins" in tree.why_not(ns(100))
    assert "says nothing" in tree.why_not(ns(198.5))
