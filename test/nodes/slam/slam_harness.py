# SPDX-License-Identifier: Apache-2.0
"""A node with adapters and a node that plays the stack, both real, in one executor."""

import math
import time

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy

from vpr_ros.config import LocalizerConfig, with_settings
from vpr_ros.datatypes import (
    Candidate,
    KeyframeKey,
    KeyframeRecord,
    LoopClosure,
    MeasuredTransform,
    Pose,
    PoseEstimate,
    Recognition,
    Verdict,
)
from vpr_ros.nodes.slam import connect
from vpr_ros.nodes.tf.camera_mounts import CameraMounts

S = 10**9
START = 1_700_000_000 * S
LIMIT = 20.0  # seconds after which nothing will come any more

# rclcpp::QoS(depth): reliable, volatile; and rclcpp's latched and LIO-SAM's own profile.
BEST_EFFORT = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


class Bench:
    """Runs both sides, and tells the adapters what a localizer or a mapper would."""

    def __init__(self):
        # A plain node: rclpy leaves the services of destroyed lifecycle nodes in the graph.
        self.node = Node("places")
        self.stack = Node("stack", start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._executor.add_node(self.stack)
        self.adapters = None
        self._mounts = None

    def connect(self, name, **settings):
        """Switch one adapter on; __ in a setting's name stands for a dot."""
        values = {f"slam.{key.replace('__', '.')}": value for key, value in settings.items()}
        config = with_settings(LocalizerConfig(), {"slam.adapters": (name,), **values})
        self._mounts = CameraMounts(self.node, config.tf.base_frame)
        self.adapters = connect(self.node, config, self._mounts)
        self.adapters.activate()
        return self.adapters

    def close(self):
        if self.adapters is not None:
            self.adapters.close()
            self._mounts.close()
        self._executor.shutdown()
        self.node.destroy_node()
        self.stack.destroy_node()

    def hear(self, kind, topic, qos=10):
        """What arrives on a topic from now on, once somebody publishes it."""
        heard = []
        made = self.stack.create_subscription(kind, topic, heard.append, qos)
        self.wait_for(lambda: self.stack.count_publishers(made.topic_name), topic)
        # Both ends must have found each other: a volatile publisher forgets at once.
        self.wait_for(
            lambda: any(
                made.topic_name == each.topic_name and each.get_subscription_count()
                for each in self.node.publishers
            ),
            f"the publisher of {topic} to see its subscriber",
        )
        return heard

    def publisher(self, kind, topic, qos=10):
        """A publisher of the stack's, once somebody subscribes."""
        made = self.stack.create_publisher(kind, topic, qos)
        self.wait_for(made.get_subscription_count, f"a subscriber of {topic}")
        return made

    def call(self, kind, name, request=None):
        """Ask a service as a client of the stack would."""
        client = self.stack.create_client(kind, name)
        self.wait_for(client.service_is_ready, f"a server of {name}")
        future = client.call_async(request or kind.Request())
        self.wait_for(future.done, f"an answer of {name}")
        self.stack.destroy_client(client)
        return future.result()

    def wait_for(self, condition, what, limit=LIMIT):
        end = time.monotonic() + limit
        while not (found := condition()):
            assert time.monotonic() < end, f"waited {limit:g} s in vain for {what}: {self.facts}"
            self._executor.spin_once(timeout_sec=0.02)
        return found

    def spin_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)

    @property
    def facts(self):
        """What the adapters' diagnostics say, without the adapter's name."""
        facts = self.adapters.facts() if self.adapters is not None else {}
        return {key.partition(" ")[2]: value for key, value in facts.items()}

    def refusal(self, what):
        """Wait until the adapter refuses something for this reason."""
        self.wait_for(lambda: what in self.facts["last refusal"], f"the refusal: {what}")


class FakeRtabmap:
    """RTAB-Map's side: the service, and the two topics with the publishers' depth of 1."""

    def __init__(self, bench):
        from rtabmap_msgs.msg import MapData, MapGraph
        from rtabmap_msgs.srv import AddLink

        self._bench = bench
        self.asked = []
        self.links = []
        self._service = bench.stack.create_service(AddLink, "rtabmap/add_link", self._add_link)
        self._data = bench.publisher(MapData, "mapData", 1)
        self._graph = bench.publisher(MapGraph, "mapGraph", 1)
        bench.spin_for(0.3)  # the adapter's client must have found the service

    def _add_link(self, request, response):
        self.asked.append(request.link)
        return response

    def tell_nodes(self, *nodes):
        from rtabmap_msgs.msg import MapData, Node

        data = MapData()
        for number, second, weight in nodes:
            data.nodes.append(Node(id=number, stamp=(START / S) + second, weight=weight))
        self._data.publish(data)
        self._bench.spin_for(0.3)

    def tell_graph(self, *links):
        from rtabmap_msgs.msg import MapGraph

        self._graph.publish(MapGraph(links=list(links)))
        self._bench.spin_for(0.2)


def answer(
    keyframe_id=12, second=5.0, frame="map", length=1.0, verdict=Verdict.ACCEPTED, measured=None
):
    """An answer whose best candidate was recorded at (3, -4, 0.5), 90 degrees to the left.

    Without a frame, the candidate has no pose; ``length`` is that of its quaternion.
    """
    pose = None
    if frame is not None:
        half = length * math.sqrt(0.5)
        pose = Pose((3.0, -4.0, 0.5), (0.0, 0.0, half, half), frame)
    stamp_ns = START + round(second * S)
    best = Candidate(KeyframeRecord(KeyframeKey("map", keyframe_id), "monday", START, pose), 0.9)
    return Recognition(stamp_ns, verdict, "", 0.98, (best,), {}, pose=measured)


def estimate(x=1.5, frame="map", variances=(0.01, 0.04, 0.09, 1e-4, 4e-4, 9e-4)):
    """A pose measured at an image, looking ahead; errors of x and y are correlated."""
    covariance = np.diag(variances).astype(np.float32)
    covariance[0, 1] = covariance[1, 0] = -0.005
    return PoseEstimate(Pose((x, 2.0, 0.0), (0.0, 0.0, 0.0, 1.0), frame), covariance, 57, ())


MOTION = Pose((0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0), "camera")
COVARIANCE = np.diag((0.04, 0.09, 0.01, 1e-4, 4e-4, 9e-4))


def loop_closure(query=100.0, match=20.0, transform=True, camera="camera"):
    """A closure after 80 s: the robot is 1 m further along the camera's axis than it was then."""
    earlier = KeyframeRecord(KeyframeKey("map", 2), "monday", START + round(match * S), None)
    return LoopClosure(
        key=KeyframeKey("map", 9),
        stamp_ns=START + round(query * S),
        match=Candidate(earlier, 0.9),
        probability=0.97,
        camera_frame=camera,
        transform=MeasuredTransform(MOTION, COVARIANCE) if transform else None,
    )
