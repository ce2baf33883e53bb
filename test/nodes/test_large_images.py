# SPDX-License-Identifier: Apache-2.0
"""Raw images as cameras send them, over DDS: a node hears them all, or says what it misses."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the nodes need ROS 2")

from node_harness import START_NS, STEP_NS, node_process, pattern, raw_message
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import Image

COUNT = 8  # fewer than the queues hold: what does not arrive was lost on its way
RELIABLE, BEST_EFFORT = QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT


@pytest.fixture
def mapper(ros, tmp_path):
    """A mapper that asks for nothing but images, and its log."""
    log = tmp_path / "log"
    rules = {"pose_type": "none", "loops__close": False}
    with node_process("mapper", log, tmp_path / "a.vprmap", **rules) as process:
        process.configure()
        process.activate()
        yield process, log


def offer(ear, reliability):
    """A camera; the publisher stays until the test ends."""
    qos = QoSProfile(depth=10, reliability=reliability)
    publisher = ear.node.create_publisher(Image, "image", qos)
    ear.wait_for(publisher.get_subscription_count, "a subscriber that hears it")
    return publisher


def send(ear, reliability, width, height):
    """Some images, ten a second."""
    publisher = offer(ear, reliability)
    ear.spin_for(1.0)  # until the subscriber, too, knows of the publisher
    image = pattern(1, height, width)
    for number in range(COUNT):
        publisher.publish(raw_message(np.roll(image, 8 * number, 1), START_NS + number * STEP_NS))
        ear.spin_for(0.1)


@pytest.mark.parametrize(("width", "height"), [(720, 480), (1920, 1080)])  # 1 and 6 MB
def test_all_images_of_a_reliable_camera_are_heard(observer, mapper, width, height):
    send(observer, RELIABLE, width, height)
    status = observer.wait_for_status(
        "mapper", lambda s: s.count("frames received") == COUNT, "all images"
    )
    assert status.count("frames lost on the way") == 0
    assert status.values["/image reliability"] == "reliable"
    assert status.values["/image remedy"] == ""


def test_small_images_of_a_best_effort_camera_are_heard(observer, mapper):
    send(observer, BEST_EFFORT, 320, 240)
    status = observer.wait_for_status(
        "mapper", lambda s: s.count("frames received") >= COUNT - 2, "most images"
    )
    assert status.values["/image reliability"] == "best_effort"


def test_large_images_that_a_best_effort_camera_loses_are_counted_with_the_remedy(observer, mapper):
    if "fastrtps" not in get_rmw_implementation_identifier():
        pytest.skip("other middlewares may lose none")
    publisher = offer(observer, BEST_EFFORT)
    image, sent = pattern(1, 480, 720), 0

    def statuses():
        """What the mapper says meanwhile; the middleware sees a loss by the image that follows."""
        nonlocal sent
        publisher.publish(raw_message(image, START_NS + sent * STEP_NS))
        sent += 1
        observer.spin_for(0.1)
        mine = [status for status in observer.statuses if status.node == "mapper"]
        return [status for status in mine if status.count("frames lost on the way") > 5]

    status = observer.wait_for(statuses, "losses")[0]
    assert status.level == 1
    assert "images on /image lost on the way: let the camera publish reliable" in status.message
    assert "segment_size" in status.values["/image remedy"]
    assert status.count("frames received") + status.count("frames lost on the way") <= sent
    _, log = mapper
    assert log.read_text().count("images are lost so far: let the camera publish reliable") == 1
