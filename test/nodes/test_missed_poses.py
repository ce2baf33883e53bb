# SPDX-License-Identifier: Apache-2.0
"""Mappers whose frames find no pose say so and why, in their log and in the diagnostics."""

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseStamped
from node_harness import START_NS, STEP_NS, node_process, pattern, pose_message, raw_message
from sensor_msgs.msg import Image

from vpr_ros.geometry.no_pose import NoPose
from vpr_ros.nodes.missed_poses import MissedPoses

S = 10**9
WARN = 1


def far(stamp_ns=0):
    return NoPose(stamp_ns, "far", 1.0, 40.0)


def test_the_first_frames_of_a_drive_may_have_none():
    missed = MissedPoses()
    for why in (far(), far(), None):
        missed.note(why)
    assert missed.said(0, "") == ("", "")
    missed.note(far())
    cause, words = missed.said(0, "")
    assert cause == "far"
    assert words.startswith("3 of the last 4 frames have no pose: no pose within 1 s of the image")


def test_what_is_over_is_forgotten():
    missed = MissedPoses()
    for why in [far()] * 5 + [None] * 18:
        missed.note(why)
    assert missed.said(0, "") == ("", "")
    assert missed.count == 5


def test_refused_poses_are_told_where_no_other_came():
    missed = MissedPoses()
    for stamp in range(3):
        missed.note(NoPose(stamp, "none"))
    assert missed.said(7, "zero quaternion")[1] == (
        "3 of the last 3 frames have no pose: no pose came; 7 were refused: zero quaternion; "
        "pose_type: none does without"
    )


class Robot:
    """A camera at 10 Hz and poses that it may lack."""

    def __init__(self, observer, process):
        self._observer, self._process = observer, process
        self.images = observer.publisher(Image, "/image")
        self.poses = observer.publisher(PoseStamped, "/pose")
        self.sent = 0

    def late(self, count, steps_late):
        """Images at 10 Hz, and for each the pose so many steps later."""
        for number in range(count + steps_late):
            if number < count:
                stamp_ns = START_NS + number * STEP_NS
                self.images.publish(raw_message(pattern(number), stamp_ns))
            if number >= steps_late:
                known = number - steps_late
                self.poses.publish(pose_message(2.0 * known, START_NS + known * STEP_NS))
            self._observer.spin_for(0.1)

    def drive(self, pose_shift_ns=0, frame=lambda number: "map", is_filled_in=True):
        """One image, and the pose for it."""
        stamp_ns = START_NS + self.sent * STEP_NS
        pose = pose_message(2.0 * self.sent, stamp_ns + pose_shift_ns)
        pose.header.frame_id = frame(self.sent)
        pose.pose.orientation.w = float(is_filled_in)
        self.poses.publish(pose)
        self.images.publish(raw_message(pattern(self.sent), stamp_ns))
        self.sent += 1
        self._observer.spin_for(0.1)

    def drive_until_warned(self, *words, **changes):
        """The message of the first warning that has these words."""
        log = self._process.log

        def warned():
            self.drive(**changes)
            mine = [s for s in self._observer.statuses if s.node == "mapper" and s.level == WARN]
            return [s.message for s in mine if all(word in s.message for word in words)]

        message = self._observer.wait_for(warned, lambda: f"{words}: {log.read_text()}")[0]
        text = log.read_text()
        assert all(word in text for word in words)
        return message


@pytest.fixture
def mapper(observer, tmp_path):
    path, log = tmp_path / "route.vprmap", tmp_path / "log"
    with node_process("mapper", log, path, pose_type="pose", pose_timeout=0.05) as process:
        process.configure()
        process.activate()
        yield process


@pytest.fixture
def robot(observer, mapper):
    return Robot(observer, mapper)


def test_another_clock_is_warned_of_with_both_stamps(robot, mapper):
    message = robot.drive_until_warned("do not overlap", pose_shift_ns=-1_000_000 * S)
    assert "frames have no pose: no pose within 1 s of the image: the nearest is 99999" in message
    assert "image stamps begin at 1700000000.000 s, poses at 1699000000.000 s" in message
    for _ in range(20):
        robot.drive(pose_shift_ns=-1_000_000 * S)
    assert mapper.log.read_text().count("do not overlap") == 1, "throttled"


def test_zero_quaternions_are_warned_of(robot):
    message = robot.drive_until_warned("zero quaternion", is_filled_in=False)
    assert "no pose came" in message


def test_frames_in_turn_that_enclose_the_images_cost_nothing(robot, observer):
    for _ in range(40):
        robot.drive(frame=lambda number: ("map", "robot/map")[number % 2])
    last = observer.wait_for_status("mapper", lambda s: s.count("frames processed"), "any")
    assert last.count("frames without pose") <= 2
    assert (last.level, last.message) == (0, "working")


def test_images_wait_for_poses_that_are_half_a_second_late(robot, observer):
    robot.late(count=30, steps_late=5)
    status = observer.wait_for_status(
        "mapper", lambda s: s.count("frames processed") >= 30, "every image"
    )
    assert status.count("frames without pose") == 0
    assert status.count("frames dropped") == 0
    assert (status.level, status.message) == (0, "working")


def test_silent_topics_are_told_and_their_return(observer, robot, mapper):
    silent = ("no image on /image for", "no pose on /pose for")
    text = mapper.log.read_text
    observer.wait_for(lambda: all(word in text() for word in silent), lambda: text())
    observer.wait_for(
        lambda: robot.drive() or "/image brings images again" in text(), lambda: text()
    )
    observer.wait_for(lambda: "/pose brings poses again" in text(), lambda: text())
    assert all(text().count(word) == 1 for word in silent)


def test_parameters_that_are_none_are_told_with_what_was_meant(observer, tmp_path):
    log = tmp_path / "log"
    strange = {"pose_typ": "none", "broadcast": True, "hog_sift.max_side": 320}
    with node_process("mapper", log, tmp_path / "route.vprmap", **strange) as process:
        process.configure()
        text = log.read_text()
    assert "pose_typ (is pose_type meant?)" in text
    assert "broadcast (is tf.broadcast meant?)" in text
    assert "hog_sift.max_side (now: sift.max_side)" in text
    assert text.count("of no effect") == 1
    assert "use_sim_time" not in text
