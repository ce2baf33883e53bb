# SPDX-License-Identifier: Apache-2.0
"""The robot's poses as TF tells them, in place of a topic of poses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import Pose
from vpr_ros.geometry.no_pose import NoPose
from vpr_ros.geometry.poses import PoseError
from vpr_ros.nodes.conversions import pose_from_transform, stamp_to_ns
from vpr_ros.nodes.tf.frame_tree import FrameTree
from vpr_ros.nodes.tf.tf2_library import load_tf2

_MEMORY_S = 30.0  # for which images may wait for their turn


class TfPoses:
    """Transforms come in on the executor's thread, poses are asked for on the worker's.

    As tf2's listener sees it, this is the buffer: what it is told passes through here.
    """

    def __init__(
        self, node: Node, config: NodeConfig, on_arrival: Callable[[], None] = lambda: None
    ) -> None:
        """Listen to /tf and /tf_static, as the node remaps them.

        Args:
            node: whose executor calls.
            config: which frames are meant, and what gaps may be interpolated.
            on_arrival: called after each transform, on the executor's thread.

        Raises:
            ConfigError: tf2_ros is not installed.
        """
        self._tf2 = load_tf2()
        self._log = node.get_logger()
        self._ends = (config.tf.frame_of_poses, config.tf.base_frame)
        self._buffer = self._tf2.Buffer(cache_time=Duration(seconds=_MEMORY_S))
        self._tree = FrameTree(*self._ends, config.pose_gap, _MEMORY_S)
        self._arrived = threading.Condition()
        self._on_arrival = on_arrival
        self.last_arrival: float | None = None  # seconds, monotonic clock
        self.refused = 0
        self.last_error = ""
        self._listener: Any = self._tf2.TransformListener(self, node)

    def at(self, stamp_ns: int, timeout: float) -> Pose | None:
        """The pose at a stamp, waiting up to ``timeout`` seconds for all that encloses it."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._tree.reaches(stamp_ns), timeout)
            reason = self._tree.why_not(stamp_ns)
            if not reason:
                return self._looked_up(stamp_ns)
            self.last_error = reason
            return None

    def reaches(self, stamp_ns: int) -> bool:
        """Whether a pose at a stamp need not be waited for any more."""
        with self._arrived:
            return self._tree.reaches(stamp_ns)

    def why_not(self, stamp_ns: int) -> NoPose:
        """Why there is no pose at a stamp for which ``at`` gave none."""
        with self._arrived:
            words = self._tree.why_not(stamp_ns) or self.last_error
        return NoPose(stamp_ns, "tf", words=words)

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """The listener's call for what came on /tf."""
        parent, child = _names(transform)
        with self._arrived:
            if self._tree.add(parent, child, stamp_to_ns(transform.header.stamp)):
                self._log.info("TF jumped back in time: what it said before is forgotten")
                self._buffer.clear()
            self._buffer.set_transform(transform, authority)
            self.last_arrival = time.monotonic()
            self._arrived.notify_all()
        self._on_arrival()

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """The listener's call for what came on /tf_static."""
        with self._arrived:
            self._tree.fix(*_names(transform))
            self._buffer.set_transform_static(transform, authority)
            self._arrived.notify_all()

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()

    def _looked_up(self, stamp_ns: int) -> Pose | None:
        try:
            stamped = self._buffer.lookup_transform(*self._ends, Time(nanoseconds=stamp_ns))
            return pose_from_transform(stamped.transform, self._ends[0])
        except self._tf2.TransformException as error:
            self.last_error = str(error)
        except PoseError as error:
            self.refused += 1
            self.last_error = str(error)
        return None


def _names(transform: TransformStamped) -> tuple[str, str]:
    """Parent and child, without the slash that tf2 leaves out, too."""
    return transform.header.frame_id.removeprefix("/"), transform.child_frame_id.removeprefix("/")
