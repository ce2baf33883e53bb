# SPDX-License-Identifier: Apache-2.0
"""A subscription takes what its publishers offer, over DDS, whoever comes first."""

import time

import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from geometry_msgs.msg import PoseStamped
from node_harness import START_NS, STEP_NS, pose_message
from rclpy.qos import QoSProfile, QoSReliabilityPolicy

from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.offered_subscription import OfferedSubscription

RELIABLE, BEST_EFFORT = QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT


class Ear:
    """A subscription under test, publishers of its topic, and what was heard."""

    def __init__(self, observer, reliability="auto"):
        self._observer = observer
        self.node = observer.node
        self.stamps, self.sent = [], 0
        self.subscription = OfferedSubscription(
            observer.node, PoseStamped, "talk", self._take, reliability
        )

    def _take(self, message):
        self.stamps.append(stamp_to_ns(message.header.stamp))

    def offer(self, reliability):
        return self.node.create_publisher(
            PoseStamped, "talk", QoSProfile(depth=50, reliability=reliability)
        )

    def say(self, *publishers):
        """One message by each publisher; returns the stamps."""
        stamps = []
        for publisher in publishers:
            stamps.append(START_NS + self.sent * STEP_NS)
            publisher.publish(pose_message(float(self.sent), stamps[-1]))
            self.sent += 1
        return stamps

    def talk_until(self, condition, what, *publishers):
        """Say something every 50 ms until the condition holds."""
        said, last = [], 0.0

        def check():
            nonlocal last
            if time.monotonic() - last > 0.05:
                last = time.monotonic()
                said.extend(self.say(*publishers))
            return condition()

        self._observer.wait_for(check, what)
        return said

    def wait_for(self, condition, what):
        self._observer.wait_for(condition, what)

    def hears(self, *publishers):
        """Whether each publisher's next message arrives."""
        first = len(self.stamps)
        said = []

        def all_heard():
            if len(said) < 100:
                said.append(self.say(*publishers))
            return all(
                any(stamps[number] in self.stamps[first:] for stamps in said)
                for number in range(len(publishers))
            )

        self._observer.wait_for(all_heard, "messages of every publisher")
        return True


@pytest.fixture
def ear(observer):
    ear = Ear(observer)
    yield ear
    ear.subscription.stop()


def test_it_waits_reliably_and_takes_reliable_publishers_as_they_are(ear):
    assert ear.subscription.reliability == "reliable"
    assert ear.hears(ear.offer(RELIABLE))
    assert ear.subscription.reliability == "reliable"
    assert (ear.subscription.lost, ear.subscription.unheard) == (0, 0)


def test_a_publisher_that_comes_later_and_offers_less_is_heard(ear):
    assert ear.hears(ear.offer(BEST_EFFORT))
    assert ear.subscription.reliability == "best_effort"
    assert ear.subscription.unheard == 0


def test_it_begins_as_those_offer_that_were_there_before(observer):
    early = observer.node.create_publisher(
        PoseStamped, "talk", QoSProfile(depth=50, reliability=BEST_EFFORT)
    )
    observer.wait_for(lambda: observer.node.count_publishers("talk"), "the publisher")
    ear = Ear(observer)
    assert ear.subscription.reliability == "best_effort"
    assert ear.hears(early)
    ear.subscription.stop()


def test_of_mixed_publishers_all_are_heard(ear):
    assert ear.hears(ear.offer(RELIABLE), ear.offer(BEST_EFFORT))
    assert ear.subscription.reliability == "best_effort"


def test_a_better_publisher_is_followed_and_no_message_comes_twice_or_never(ear):
    worse, better = ear.offer(BEST_EFFORT), ear.offer(RELIABLE)
    assert ear.hears(worse, better)
    ear.node.destroy_publisher(worse)
    is_reliable = lambda: ear.subscription.reliability == "reliable"  # noqa: E731
    said = ear.talk_until(is_reliable, "a reliable subscription", better)
    end = time.monotonic() + 1.5  # longer than the old subscription is kept
    said += ear.talk_until(lambda: time.monotonic() > end, "the change", better)
    ear.wait_for(lambda: said[-1] in ear.stamps, "the last message")
    heard = [stamp for stamp in ear.stamps if stamp >= said[0]]
    assert len(heard) == len(set(heard))
    assert set(heard) == set(said)


def test_while_nobody_publishes_nothing_changes(ear):
    publisher = ear.offer(BEST_EFFORT)
    assert ear.hears(publisher)
    ear.node.destroy_publisher(publisher)
    end = time.monotonic() + 2.5  # longer than two looks at the publishers
    ear.wait_for(lambda: time.monotonic() > end, "two looks")
    assert ear.subscription.reliability == "best_effort"
    assert ear.hears(ear.offer(BEST_EFFORT))


def test_what_is_asked_for_by_name_is_kept_and_who_is_not_heard_is_counted(observer):
    ear = Ear(observer, "reliable")
    ear.offer(BEST_EFFORT)
    ear.wait_for(lambda: ear.subscription.unheard, "a publisher that is not heard")
    assert (ear.subscription.reliability, ear.subscription.unheard) == ("reliable", 1)
    ear.subscription.stop()


def test_after_the_end_nothing_is_heard(ear):
    publisher = ear.offer(RELIABLE)
    assert ear.hears(publisher)
    ear.subscription.stop()
    ear.subscription.stop()
    before = len(ear.stamps)
    end = time.monotonic() + 1.2  # a look at the publishers would come now
    ear.talk_until(lambda: time.monotonic() > end, "silence", publisher)
    assert len(ear.stamps) == before
