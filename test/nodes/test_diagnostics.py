# SPDX-License-Identifier: Apache-2.0
"""What is wrong is said first, in words that lead to the cause; the numbers follow."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.serialization import serialize_message

from vpr_ros.nodes.diagnostics import Health
from vpr_ros.nodes.statistics import FrameStatistics
from vpr_ros.nodes.topic_states import InputState, TopicState

TOPIC = "/camera/image"


def listening(publishers=1, last_arrival=None, active=True, refused=""):
    """To one topic."""
    return InputState((TopicState(TOPIC, publishers, last_arrival),), active, refused)


LISTENING = listening()


@pytest.fixture
def health():
    return Health("vpr_ros: localizer")


@pytest.fixture
def statistics():
    return FrameStatistics()


def values_of(status):
    return {item.key: item.value for item in status.values}


def busy(statistics, frames, now, start=0):
    for number in range(frames):
        statistics.arrive(start + number, now)
        statistics.done({"extract": 0.02})


def said(status):
    return status.level, status.message


def test_a_node_that_works_says_so(health, statistics):
    busy(statistics, 5, now=1.0)
    status = health.report(statistics, listening(last_arrival=1.0), {}, now=2.0)
    assert said(status) == (DiagnosticStatus.OK, "working")
    assert status.name == "vpr_ros: localizer"


def test_a_node_that_does_not_listen_says_so(health, statistics):
    idle = listening(0, active=False)
    assert health.report(statistics, idle, {}, 1.0).message == "not active"


def test_errors_of_frames_are_forgotten_once_nobody_listens(health, statistics):
    statistics.fail("step = 3")
    idle = listening(active=False)
    assert said(health.report(statistics, idle, {}, 1.0)) == (DiagnosticStatus.OK, "not active")


@pytest.mark.parametrize("active", [False, True])
def test_a_change_of_state_that_was_refused_is_an_error_that_says_why(health, statistics, active):
    busy(statistics, 5, now=1.0)
    source = listening(active=active, refused="cannot configure: no such map")
    assert said(health.report(statistics, source, {}, 1.0)) == (
        DiagnosticStatus.ERROR, "cannot configure: no such map"
    )  # fmt: skip


def test_a_topic_that_nobody_publishes_is_named(health, statistics):
    lonely = listening(0)
    assert said(health.report(statistics, lonely, {}, 1.0)) == (
        DiagnosticStatus.WARN, "nobody publishes /camera/image"
    )  # fmt: skip


def test_two_publishers_are_counted(health, statistics):
    busy(statistics, 5, now=1.0)
    crowd = listening(2, last_arrival=1.0)
    level, message = said(health.report(statistics, crowd, {}, 1.0))
    assert level == DiagnosticStatus.WARN
    assert message.startswith("2 publishers on /camera/image")


def test_failed_frames_are_an_error_with_the_last_reason(health, statistics):
    busy(statistics, 5, now=1.0)
    statistics.fail("step = 3")
    statistics.fail("step = 5")
    status = health.report(statistics, LISTENING, {}, 1.0)
    assert said(status) == (DiagnosticStatus.ERROR, "2 frames failed: step = 5")


def test_failures_are_an_error_only_in_the_period_they_happened_in(health, statistics):
    statistics.arrive(0, 1.0)
    statistics.fail("step = 3")
    health.report(statistics, LISTENING, {}, 1.0)
    busy(statistics, 5, now=2.0, start=1)
    status = health.report(statistics, listening(last_arrival=2.0), {}, 2.0)
    assert said(status) == (DiagnosticStatus.OK, "working")
    assert values_of(status)["last error"] == "step = 3"
    assert values_of(status)["frames failed"] == "1"


@pytest.mark.parametrize(("remedy", "hint"), [
    ("", "is its type another one?"), ("set reliability: auto", "set reliability: auto")
])  # fmt: skip
def test_a_publisher_that_is_never_heard_is_a_warning_with_a_hint(health, statistics, remedy, hint):
    source = InputState((TopicState(TOPIC, 1, remedy=remedy),), active=True)
    assert said(health.report(statistics, source, {}, 1.0)) == (
        DiagnosticStatus.WARN, f"no image on /camera/image yet: {hint}"
    )  # fmt: skip


def losing(lost):
    """To one topic whose images get lost."""
    return InputState((TopicState(TOPIC, 1, 1.0, lost, "publish reliable"),), active=True)


def test_losses_on_the_way_are_a_warning_with_the_remedy_while_they_happen(health, statistics):
    busy(statistics, 5, now=1.0)
    status = health.report(statistics, losing(48), {}, 1.0)
    remedy = "48 images on /camera/image lost on the way: publish reliable"
    assert said(status) == (DiagnosticStatus.WARN, remedy)
    assert values_of(status)["frames lost on the way"] == "48"
    status = health.report(statistics, losing(50), {}, 1.5)
    assert status.message.startswith("2 images on /camera/image lost")
    status = health.report(statistics, losing(50), {}, 2.0)
    assert said(status) == (DiagnosticStatus.OK, "working")
    assert values_of(status)["frames lost on the way"] == "50"


@pytest.mark.parametrize(("silence", "message"), [
    (1.9, "working"),
    (2.1, "no image on /camera/image for 2 s"),
    (60.0, "no image on /camera/image for 60 s"),
])  # fmt: skip
def test_silence_is_told_after_a_while(health, statistics, silence, message):
    busy(statistics, 5, now=10.0)
    heard = listening(last_arrival=10.0)
    assert health.report(statistics, heard, {}, 10.0 + silence).message == message


def test_each_of_several_cameras_is_looked_after(health, statistics):
    busy(statistics, 5, now=10.0)
    cameras = (TopicState("/front", 1, 10.0), TopicState("/rear", 0), TopicState("/left", 1, 5.0))
    status = health.report(statistics, InputState(cameras, active=True), {}, 10.0)
    assert said(status) == (
        DiagnosticStatus.WARN, "nobody publishes /rear; no image on /left for 5 s"
    )  # fmt: skip
    assert values_of(status)["image topic"] == "/front, /rear, /left"


def test_numbers_tell_what_became_of_every_frame(health, statistics):
    for stamp in (1, 2, 2, 1):
        statistics.arrive(stamp, 1.0)
    statistics.drop()
    statistics.done({"extract": 0.02})
    values = values_of(health.report(statistics, LISTENING, {}, 1.0))
    assert values["image topic"] == "/camera/image"
    assert values["frames received"] == "4"
    assert values["frames processed"] == "1"
    assert values["frames dropped"] == "1"
    assert values["stamps repeated"] == "1"
    assert values["stamps going backwards"] == "1"
    assert (values["extract median [ms]"], values["extract max [ms]"]) == ("20.00", "20.00")


def test_rates_are_those_of_the_last_period(health, statistics):
    busy(statistics, 100, now=1.0)
    assert "input rate [Hz]" not in values_of(health.report(statistics, LISTENING, {}, 1.0))
    busy(statistics, 10, now=3.0, start=100)
    statistics.arrive(200, 3.0)
    values = values_of(health.report(statistics, LISTENING, {}, 3.0))
    assert (values["input rate [Hz]"], values["output rate [Hz]"]) == ("5.5", "5.0")


def test_two_reports_at_one_time_divide_by_nothing(health, statistics):
    health.report(statistics, LISTENING, {}, 1.0)
    assert "input rate [Hz]" not in values_of(health.report(statistics, LISTENING, {}, 1.0))


def test_a_node_configured_anew_counts_from_zero(health, statistics):
    busy(statistics, 100, now=1.0)
    statistics.fail("step = 3")
    health.report(statistics, LISTENING, {}, 1.0)
    again = FrameStatistics()
    busy(again, 10, now=2.0)
    status = health.report(again, listening(last_arrival=2.0), {}, 2.0)
    assert said(status) == (DiagnosticStatus.OK, "working")
    assert values_of(status)["input rate [Hz]"] == "10.0"


def test_facts_are_shown_as_they_are(health, statistics):
    values = values_of(health.report(statistics, LISTENING, {"map": "route.vprmap"}, 1.0))
    assert values["map"] == "route.vprmap"


def test_warnings_of_others_are_told_beside_those_of_topics(health, statistics):
    lost = ["nav2_amcl pose: lost", "imu lost"]
    statuses = [health.report(statistics, listening(0), {}, 1.0, lost)]
    busy(statistics, 5, now=1.0)
    statuses.append(health.report(statistics, listening(last_arrival=1.0), {}, 1.0, lost[:1]))
    assert [said(status) for status in statuses] == [
        (
            DiagnosticStatus.WARN,
            "nobody publishes /camera/image; nav2_amcl pose: lost; imu lost",
        ),
        (DiagnosticStatus.WARN, "nav2_amcl pose: lost"),
    ]
    assert said(health.report(statistics, listening(active=False), {}, 1.0, lost)) == (
        DiagnosticStatus.OK, "not active"
    )  # fmt: skip


def test_every_status_can_be_sent(health, statistics):
    states = [LISTENING, InputState((), active=False), listening(3)]
    for state in states:
        status = health.report(statistics, state, {"backend": "OpenCV"}, 1.0)
        assert serialize_message(DiagnosticArray(status=[status]))
