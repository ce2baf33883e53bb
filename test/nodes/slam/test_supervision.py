# SPDX-License-Identifier: Apache-2.0
"""What runs of matches say of a stack's pose: right ones are never doubted, wrong ones soon are."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the package of the adapters needs ROS 2")

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.poses import PoseError
from vpr_ros.nodes.slam.pose_pair import UncertainPose
from vpr_ros.nodes.slam.supervision import Agreement, Supervision

S = 10**9
START = 1_700_000_000 * S
RADIUS = 10.0  # decision.place_radius
AMCL = (0.25, 0.25, 0.0, 0.0, 0.0, 0.07)  # variances of an AMCL that is sure of itself
PLACE = (25.0, 25.0, 25.0, 0.25, 0.25, 0.25)  # and of a match
AGREES, DISAGREES, LOST = Agreement.AGREES, Agreement.DISAGREES, Agreement.LOST


def pose(second, x, y=0.0, heading=0.0, variances=PLACE, frame="map"):
    turned = (0.0, 0.0, math.sin(heading / 2.0), math.cos(heading / 2.0))
    return UncertainPose.of(START + round(second * S), Pose((x, y, 0.0), turned, frame), variances)


@pytest.fixture
def supervision():
    return Supervision(5, RADIUS)


def standing(supervision, seconds, stack, match, heading=0.0):
    """The stack says where it is once a second, and a match comes with it; the states."""
    states = []
    for second in seconds:
        supervision.hear(pose(second, stack, heading=heading, variances=AMCL))
        supervision.compare(pose(second, match))
        states.append(supervision.state)
    return states


def test_the_fifth_match_in_a_row_that_disagrees_counts(supervision):
    assert standing(supervision, range(5), 500.0, 3.0) == [AGREES] * 4 + [DISAGREES]
    assert supervision.words == "disagrees by 497 m and 0.00 rad"


def test_a_change_is_told_once(supervision):
    supervision.hear(pose(0.0, 500.0, variances=AMCL))
    told = [supervision.compare(pose(0.1 * n, 3.0)) for n in range(12)]
    assert told == [False] * 4 + [True] + [False] * 4 + [True] + [False] * 2  # disagrees, then lost


@pytest.mark.parametrize(("off", "state"), [(11.4, AGREES), (11.6, DISAGREES)])
def test_the_reach_is_the_place_and_three_of_the_stacks_sigmas(supervision, off, state):
    assert standing(supervision, range(5), 0.0, off)[-1] is state  # 10 m and 3 times 0.5 m


def test_a_match_that_is_less_exact_than_its_place_reaches_farther(supervision):
    supervision.hear(pose(0.0, 0.0, variances=AMCL))
    coarse = (100.0, 100.0, 100.0, 0.25, 0.25, 0.25)
    for n in range(5):
        supervision.compare(pose(0.1 * n, 21.0, variances=coarse))
    assert supervision.state is AGREES


@pytest.mark.parametrize(("heading", "state"), [(1.6, AGREES), (math.pi, DISAGREES)])
def test_a_pose_that_points_another_way_disagrees(supervision, heading, state):
    assert standing(supervision, range(5), 3.0, 3.0, heading)[-1] is state


def test_a_correction_that_helps_ends_it(supervision):
    standing(supervision, range(5), 500.0, 3.0)
    supervision.sent(START + 4 * S)
    assert standing(supervision, range(5, 10), 4.0, 3.0) == [DISAGREES] * 4 + [AGREES]
    assert supervision.words == "agrees"


def test_a_correction_that_does_not_help_leaves_it_lost_until_it_agrees(supervision):
    standing(supervision, range(5), 500.0, 3.0)
    supervision.sent(START + 4 * S)
    assert standing(supervision, range(5, 30), 490.0, 3.0) == [DISAGREES] * 4 + [LOST] * 21
    assert supervision.words == "lost, still off by 487 m and 0.00 rad"
    assert standing(supervision, range(30, 35), 3.0, 3.0)[-1] is AGREES


def test_a_stack_that_leaves_the_pose_it_was_sent_is_not_sent_another(supervision):
    """Its map is 40 m off: it stays where it was put while it is unsure, and finds its way back."""
    standing(supervision, range(5), 43.0, 3.0)
    supervision.sent(START + 4 * S)
    for second in range(5, 30):
        supervision.hear(pose(second, 4.0, variances=PLACE))
        assert not supervision.compare(pose(second, 3.0))
    assert supervision.words == "near the matches, but has not settled there"
    assert standing(supervision, range(30, 35), 43.0, 3.0) == [DISAGREES] * 4 + [LOST]


def test_each_time_it_takes_twice_as_many_matches_to_agree_again(supervision):
    needed = []
    for start in range(0, 7000, 1000):
        assert standing(supervision, range(start, start + 5), 500.0, 3.0)[-1] is DISAGREES
        supervision.sent(START + (start + 4) * S)
        states = standing(supervision, range(start + 5, start + 500), 3.0, 3.0)
        needed.append(states.index(AGREES) + 1)
    assert needed == [5, 10, 20, 40, 80, 80, 80]


def test_a_pose_sent_on_request_is_watched_again(supervision):
    standing(supervision, range(10), 500.0, 3.0)
    assert supervision.state is LOST
    supervision.sent(START + 9 * S)
    assert supervision.state is DISAGREES


def test_what_the_stack_said_before_a_correction_does_not_speak_against_it(supervision):
    supervision.hear(pose(0.0, 500.0, variances=AMCL))
    for n in range(5):
        supervision.compare(pose(0.1 * n, 3.0))
    supervision.sent(START + 400_000_000)
    for n in range(5, 23):
        supervision.compare(pose(0.1 * n, 3.0))
    assert supervision.state is DISAGREES
    assert supervision.words.endswith("not compared now: it has not answered the pose it was sent")
    for n in range(25, 30):  # two seconds are enough to answer
        supervision.compare(pose(0.1 * n, 3.0))
    assert supervision.state is LOST


def test_matches_that_do_not_bear_each_other_out_are_wrong_themselves(supervision):
    places = [100.0, 900.0, 300.0, 700.0, 500.0]
    for n in range(100):
        supervision.hear(pose(n, 0.0, variances=AMCL))
        supervision.compare(pose(n, places[n % 5]))
    assert supervision.state is AGREES


def test_a_drive_between_matches_counts_by_what_the_stack_drove(supervision):
    """Matches are rare, and the robot, that is elsewhere, drives 50 m between two of them."""
    for n in range(5):
        supervision.hear(pose(30 * n, 1000.0, 50.0 * n, variances=AMCL))
        supervision.compare(pose(30 * n, 50.0 * n))
    assert supervision.state is DISAGREES


def test_one_match_that_agrees_begins_the_count_anew(supervision):
    assert standing(supervision, range(4), 500.0, 3.0)[-1] is AGREES
    standing(supervision, [4], 500.0, 499.0)
    assert standing(supervision, range(5, 9), 500.0, 3.0)[-1] is AGREES


@pytest.mark.parametrize(("stack", "why"), [
    (None, "not compared: it has told no pose"),
    (pose(0.0, 500.0, frame="odom"), "not compared: its pose is in 'odom', the match in 'map'"),
    (pose(60.0, 500.0), "not compared: it has told no pose from so long ago"),
])  # fmt: skip
def test_what_cannot_be_compared_counts_for_nothing(supervision, stack, why):
    if stack is not None:
        supervision.hear(stack)
    for n in range(50):
        assert not supervision.compare(pose(0.1 * n, 3.0))
    assert supervision.words == why


def test_a_stack_that_is_silent_is_believed_while_the_robot_stands(supervision):
    supervision.hear(pose(0.0, 500.0, variances=AMCL))
    for n in range(5):
        supervision.compare(pose(3600.0 + n, 3.0))
    assert supervision.state is DISAGREES


def test_a_pose_is_old_once_the_matches_have_moved_on(supervision):
    """The stack was right when it fell silent, and the robot drives on at 2 m/s."""
    supervision.hear(pose(0.0, 0.0, variances=AMCL))
    for n in range(1000):
        supervision.compare(pose(0.1 * n, 0.2 * n))
    assert supervision.state is AGREES
    assert supervision.words == (
        "agrees; not compared now: its pose is 100 s old, and the matches have moved"
    )


def test_a_recording_that_begins_anew_is_followed(supervision):
    standing(supervision, range(100, 104), 500.0, 3.0)
    assert standing(supervision, range(5), 500.0, 3.0) == [AGREES] * 4 + [DISAGREES]


def test_restarting_forgets_matches_and_keeps_the_pose(supervision):
    standing(supervision, range(7), 500.0, 3.0)
    supervision.restart()
    assert supervision.state is AGREES
    assert supervision.words == "not compared: no match yet"
    for n in range(7, 12):
        supervision.compare(pose(n, 3.0))
    assert supervision.state is DISAGREES


@pytest.mark.parametrize("variance", [math.nan, math.inf, -1.0])
def test_variances_that_cannot_be_are_refused(variance):
    with pytest.raises(PoseError, match="variances of a pose in 'map'"):
        pose(0.0, 0.0, variances=(0.25, variance, 0.0, 0.0, 0.0, 0.07))


@dataclass
class Drive:
    """A robot goes round a block of 400 m by 200 m, with stops, and AMCL follows it.

    AMCL tells its pose after each 0.25 m and after each turn, with an error that wanders (0.25 m^2
    in x and in y). Five times a second, a match names a keyframe anywhere in the place, looking up
    to 0.5 rad another way; one in a hundred is wrong.
    """

    seed: int
    wrong: float = 0.01
    along: float = 0.0  # meters driven
    error: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def __post_init__(self):
        self.random = np.random.default_rng(self.seed)
        self.told = (-1.0, 0.0)  # where AMCL last spoke: along the drive, and heading
        self.carried = (0.0, 0.0, 0.0)  # AMCL's x, y (m) and turn (rad) against the truth

    def truth(self):
        """x, y, heading."""
        corners = [(0.0, 0.0), (400.0, 0.0), (400.0, 200.0), (0.0, 200.0)]
        side, rest = 0, self.along % 1200.0
        while rest > (length := 400.0 if side % 2 == 0 else 200.0):
            side, rest = side + 1, rest - length
        heading = side * math.pi / 2.0
        x, y = corners[side]
        return x + rest * math.cos(heading), y + rest * math.sin(heading), heading

    def amcl(self, second):
        """What AMCL says, None while it is silent."""
        self.error += self.random.normal(0.0, 0.1, 2) - 0.02 * self.error
        x, y, heading = self.truth()
        if self.along - self.told[0] < 0.25 and heading == self.told[1]:
            return None
        self.told = self.along, heading
        dx, dy, turn = self.carried
        c, s = math.cos(turn), math.sin(turn)
        ex, ey = self.error
        return pose(second, c * x - s * y + dx + ex, s * x + c * y + dy + ey, heading + turn, AMCL)

    def match(self, second):
        if self.random.random() < self.wrong:
            x, y = self.random.uniform(-500.0, 500.0, 2)
            return pose(second, x, y, self.random.uniform(0.0, math.tau))
        x, y, heading = self.truth()
        distance, way = RADIUS * math.sqrt(self.random.random()), self.random.uniform(0, math.tau)
        x, y = x + distance * math.cos(way), y + distance * math.sin(way)
        return pose(second, x, y, heading + self.random.uniform(-0.5, 0.5))

    def go(self, supervision, seconds):
        """Tells for each match whether it changed the state; stops of 20 s in each 100 s."""
        changes = []
        for second in np.arange(*seconds, 0.2):
            self.along += 0.2 if second % 100.0 < 80.0 else 0.0  # 1 m/s
            if (told := self.amcl(second)) is not None:
                supervision.hear(told)
            changes.append(supervision.compare(self.match(second)))
        return changes


@pytest.mark.parametrize("seed", range(5))
def test_an_hour_of_matches_with_the_noise_of_a_place_never_doubts_amcl(seed):
    supervision, drive = Supervision(5, RADIUS), Drive(seed)
    changes = drive.go(supervision, (0.0, 3600.0))
    assert len(changes) == 18000
    assert not any(changes)
    assert supervision.words.startswith("agrees")


@pytest.mark.parametrize("seed", range(20))
def test_a_robot_that_is_carried_away_is_noticed_within_ten_matches(seed):
    supervision, drive = Supervision(5, RADIUS), Drive(seed, wrong=0.0)
    drive.go(supervision, (0.0, 50.0))
    drive.carried = (300.0 + 10.0 * seed, -80.0, 0.3 * seed)
    changes = drive.go(supervision, (50.0, 60.0))
    assert 4 <= changes.index(True) < 10
    assert supervision.state is LOST  # nobody corrected it


@pytest.mark.parametrize("off", [8.0, 15.0, 30.0])
def test_a_stack_whose_map_is_off_is_not_thrown_to_and_fro(off):
    """Wherever it is sent, ten meters on it has found its way back to where its scans fit."""
    supervision, drive, sent_at = Supervision(5, RADIUS), Drive(1), []
    for second in np.arange(0.0, 3600.0, 0.2):
        drive.along += 0.2
        back = min(1.0, (drive.along - sent_at[-1]) / 10.0) if sent_at else 1.0
        drive.carried = (off * back, 0.0, 0.0)
        if (told := drive.amcl(second)) is not None:
            supervision.hear(replace(told, position_sigma=5.0 - 4.5 * back))
        match = drive.match(second)
        if supervision.compare(match) and supervision.state is DISAGREES:
            supervision.sent(match.stamp_ns)
            sent_at.append(drive.along)
    assert 1 <= len(sent_at) <= 5
