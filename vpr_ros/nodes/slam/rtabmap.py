# SPDX-License-Identifier: Apache-2.0
"""RTAB-Map: links between its nodes, each confirmed by the graph that it publishes.

``add_link`` answers nothing: what RTAB-Map refuses stands in its log only, and what it accepts
shows in ``mapGraph``. Its nodes have numbers of their own; ``mapData`` tells their stamps, which
are those of the images. An image that RTAB-Map made no node of cannot be linked: raise its
parameter Rtabmap/DetectionRate.

With RTAB-Map's stock launch file, run the node in the namespace ``rtabmap``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import RelativePose
from vpr_ros.nodes.conversions import transform_to_message
from vpr_ros.nodes.interfaces import interface
from vpr_ros.nodes.slam.closures import HeldClosure, MetricClosureAdapter
from vpr_ros.nodes.slam.place_pose import diagonal
from vpr_ros.nodes.slam.stamp_table import StampTable
from vpr_ros.nodes.tf.camera_mounts import CameraMounts

_REMEDY = "sudo apt install ros-$ROS_DISTRO-rtabmap-msgs"
_USER_CLOSURE = 4  # rtabmap::Link::kUserClosure
_TRIES = 2
_DEPTH = 5

Pair = tuple[int, int]  # two nodes, the older one first


@dataclass
class _Call:
    """A link on its way."""

    request: Any
    answer: Any = None  # the future of the service call
    tries: int = 0
    deadline: float = 0.0  # seconds, monotonic clock


class Rtabmap(MetricClosureAdapter):
    """Sends links from the query's node to the match's.

    It is the direction of RTAB-Map's own closures, and the only one it takes in localization mode.
    """

    name = "rtabmap"

    def __init__(self, node: Node, config: NodeConfig, mounts: CameraMounts) -> None:
        self._link = interface("rtabmap_msgs", "msg", "Link", _REMEDY)
        self._service = interface("rtabmap_msgs", "srv", "AddLink", _REMEDY)
        data = interface("rtabmap_msgs", "msg", "MapData", _REMEDY)
        graph = interface("rtabmap_msgs", "msg", "MapGraph", _REMEDY)
        super().__init__(node, config, mounts)
        self._nodes = StampTable()
        self._linked: set[Pair] = set()
        self._calls: dict[Pair, _Call] = {}
        self._confirmed = 0
        self._client = self.client(self._service, "rtabmap/add_link")
        self.subscribe(data, "mapData", self._hear_nodes, _DEPTH)
        self.subscribe(graph, "mapGraph", self._hear_links, _DEPTH)

    def facts(self) -> dict[str, str]:
        """The counters, and what became of the links."""
        return {
            **super().facts(),
            "rtabmap confirmed": str(self._confirmed),
            "rtabmap unconfirmed": str(len(self._calls)),
            "rtabmap nodes": str(len(self._nodes)),
        }

    def tell(self, held: HeldClosure) -> str:
        """Send the link once both nodes and the camera's place are known.

        Raises:
            PoseError: the nodes are linked already, or are one.
        """
        query, match = self._node_of(held.query_ns), self._node_of(held.match_ns)
        if query is None or match is None:
            return self._no_node(held.query_ns if query is None else held.match_ns)
        pair = (min(query, match), max(query, match))
        if query == match or pair in self._linked or pair in self._calls:
            raise PoseError(f"RTAB-Map's nodes {query} and {match} are linked already")
        motion = self.base_motion(held.closure)
        if motion is None:
            return self.no_mount(held.closure)
        if not self._client.service_is_ready():
            return f"nobody serves {self._client.srv_name}"
        self._calls[pair] = _Call(self._request(query, match, motion.inverse()))
        self._send(pair)
        return ""

    def work(self) -> None:
        """Try every closure once, and links that were not confirmed in time once more."""
        super().work()
        now = time.monotonic()
        for pair, call in list(self._calls.items()):
            if call.deadline > now:
                continue
            if call.tries < _TRIES:
                self._send(pair)
            else:
                self._give_up(pair)

    def _request(self, query: int, match: int, query_T_match: RelativePose) -> Any:
        information = [1.0 / variance for variance in query_T_match.variances()]
        link = self._link(
            from_id=query,
            to_id=match,
            type=_USER_CLOSURE,
            transform=transform_to_message(query_T_match.transform),
            information=diagonal(information),
        )
        return self._service.Request(link=link)

    def _send(self, pair: Pair) -> None:
        call = self._calls[pair]
        self._forget_answer(call)
        call.answer = self._client.call_async(call.request)
        call.tries += 1
        call.deadline = time.monotonic() + self._settings.rtabmap.confirm_timeout
        self.sent(f"sent a link between the nodes {pair[0]} and {pair[1]}, try {call.tries}")

    def _give_up(self, pair: Pair) -> None:
        call = self._calls.pop(pair)
        why = "its log says why" if call.answer.done() else f"{self._client.srv_name} is silent"
        self._forget_answer(call)
        self.refused(f"RTAB-Map did not link its nodes {pair[0]} and {pair[1]}: {why}")

    def _forget_answer(self, call: _Call) -> None:
        """Without this, the client would keep every call that was never answered."""
        if call.answer is not None and not call.answer.done():
            self._client.remove_pending_request(call.answer)

    def _node_of(self, stamp_ns: int) -> int | None:
        return self._nodes.at(stamp_ns, self._settings.rtabmap.stamp_tolerance)

    def _no_node(self, stamp_ns: int) -> str:
        nearest = self._nodes.nearest(stamp_ns)
        if nearest is None:
            return f"no node is heard of on {self._node.resolve_topic_name('mapData')}"
        tolerance = self._settings.rtabmap.stamp_tolerance
        return (
            f"RTAB-Map has no node within {tolerance:g} s of an image (nearest: {nearest[1]:.3f} s)"
        )

    def _hear_nodes(self, data: Any) -> None:
        for node in data.nodes:
            # A link to an intermediate node (weight -1), or to a landmark (id < 0), fails an
            # assertion in RTAB-Map and ends it.
            if node.id > 0 and node.weight >= 0:
                self._nodes.add(int(node.id), round(node.stamp * 1e9))

    def _hear_links(self, graph: Any) -> None:
        self._linked = {
            (min(link.from_id, link.to_id), max(link.from_id, link.to_id)) for link in graph.links
        }
        for pair in self._linked & self._calls.keys():
            self._forget_answer(self._calls.pop(pair))
            self._confirmed += 1
