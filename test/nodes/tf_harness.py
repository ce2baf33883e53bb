# SPDX-License-Identifier: Apache-2.0
"""Transforms for tests, and a node with an executor that speaks and hears TF through tf2_ros."""

import time

from geometry_msgs.msg import TransformStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile

from vpr_ros.nodes.conversions import ns_to_stamp

S = 10**9
LATCHED = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


def transform(parent, child, second, x=0.0):
    """A child that looks as its parent does, x meters ahead of it."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = ns_to_stamp(round(second * S))
    message.transform.translation.x = float(x)
    message.transform.rotation.w = 1.0
    return message


class TfBench:
    """The node under test and another one, both real, in one executor."""

    def __init__(self, *arguments):
        words = ["--ros-args", *arguments] if arguments else []
        self.node = Node("places", cli_args=words)
        self.other = Node("other", start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._executor.add_node(self.other)

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        self.other.destroy_node()

    def wait_for(self, condition, what, limit=20.0):
        end = time.monotonic() + limit
        while not (found := condition()):
            assert time.monotonic() < end, f"waited {limit:g} s in vain for {what}"
            self._executor.spin_once(timeout_sec=0.02)
        return found

    def spin_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)

    def publisher(self, topic="/tf", qos=100):
        """Publishes transforms, once somebody subscribes; call with transforms."""
        from tf2_msgs.msg import TFMessage

        made = self.other.create_publisher(TFMessage, topic, qos)
        self.wait_for(made.get_subscription_count, f"a subscriber of {topic}")
        return lambda *transforms: made.publish(TFMessage(transforms=list(transforms)))

    def hear(self, topic="/tf"):
        """The transforms that arrive on a topic from now on."""
        from tf2_msgs.msg import TFMessage

        heard = []
        made = self.other.create_subscription(
            TFMessage, topic, lambda message: heard.extend(message.transforms), 100
        )
        self.wait_for(lambda: self.other.count_publishers(made.topic_name), f"{topic}")
        return heard


def entities(node):
    """How much of a node stands in the ROS graph."""
    kinds = (node.publishers, node.subscriptions, node.timers, node.services)
    return [len(list(each)) for each in kinds]
