# SPDX-License-Identifier: Apache-2.0
"""What is wrong reaches the log: each cause at once, then once a minute, and when it is over."""

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from vpr_ros.nodes.health_log import HealthLog
from vpr_ros.nodes.topic_states import InputState, TopicState


class Log:
    """A health log and the lines that it wrote."""

    def __init__(self):
        self.warnings, self.infos = [], []
        self.warning, self.info = self.warnings.append, self.infos.append
        self.log = HealthLog(self)

    def look(self, now, *topics, active=True, **state):
        self.log.look(InputState(topics, active, since=0.0, **state), now)


@pytest.fixture
def log():
    return Log()


def images(last_arrival=None, publishers=1, **fields):
    return TopicState("/image", publishers, last_arrival, **fields)


def test_a_node_that_works_says_nothing(log):
    for second in range(100):
        log.look(float(second), images(float(second)))
    assert (log.warnings, log.infos) == ([], [])


def test_silence_is_told_once_and_its_end_too(log):
    for second in range(200):
        log.look(float(second), images(2.0))
    assert log.warnings == ["no image on /image for 11 s"]
    log.look(200.0, images(199.5))
    assert log.infos == ["/image brings images again"]


def test_silence_from_the_start_names_the_missing_publisher(log):
    log.look(10.0, images(publishers=0))
    assert log.warnings == []
    log.look(11.0, images(publishers=0))
    assert log.warnings == ["no image on /image for 11 s: nobody publishes it"]


def test_what_was_not_told_has_no_end_to_tell(log):
    log.look(9.0, images())
    log.look(10.0, images(9.5))
    assert log.infos == []


def test_nobody_misses_images_who_does_not_listen(log):
    log.look(60.0, images(), active=False)
    assert log.warnings == []


def test_poses_that_stop_are_told_as_images_are(log):
    log.look(20.0, images(20.0), poses=TopicState("/odom", 1, 5.0, kind="pose"))
    assert log.warnings == ["no pose on /odom for 15 s"]


def test_losses_are_told_while_they_grow_but_once_a_minute(log):
    for second in range(130):
        topic = images(float(second), lost=min(second, 100), remedy="publish reliable")
        log.look(float(second), topic)
    assert log.warnings == [
        "/image: 1 images are lost so far: publish reliable",
        "/image: 61 images are lost so far: publish reliable",
    ]


def test_a_publisher_that_is_not_heard_is_told_with_the_remedy(log):
    log.look(1.0, images(1.0, unheard=1, remedy="set reliability: auto"))
    assert log.warnings == ["/image: a publisher is not heard: set reliability: auto"]


def test_every_cause_of_missing_poses_is_told_once_a_minute(log):
    for second in range(70):
        cause = ("far", "frame")[second % 2]
        log.look(float(second), images(float(second)), missed=f"{cause}, {second}",
                 missed_cause=cause)  # fmt: skip
    assert log.warnings == ["far, 0", "frame, 1", "far, 60", "frame, 61"]
