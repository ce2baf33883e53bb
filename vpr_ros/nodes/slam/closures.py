# SPDX-License-Identifier: Apache-2.0
"""Loop closures on their way to a stack, which may not know both of their images yet."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.errors import VprError
from vpr_ros.geometry.poses import PoseError
from vpr_ros.nodes.conversions import stamp_to_ns
from vpr_ros.nodes.interfaces import LoopClosure
from vpr_ros.nodes.slam.base import StackAdapter
from vpr_ros.nodes.slam.cameras import CameraMounts
from vpr_ros.nodes.slam.relative_pose import RelativePose, measured_pose

_PERIOD = 0.1  # seconds between two looks at what is held
_MOST = 1000  # closures held at once: beyond, something is wrong that waiting does not mend


@dataclass(frozen=True)
class HeldClosure:
    """A loop closure, and since when it waits."""

    closure: LoopClosure
    since: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds that it waited."""
        return time.monotonic() - self.since

    @property
    def query_ns(self) -> int:
        """Stamp of the later image."""
        return stamp_to_ns(self.closure.query_stamp)

    @property
    def match_ns(self) -> int:
        """Stamp of the earlier image."""
        return stamp_to_ns(self.closure.match_stamp)


class ClosureAdapter(StackAdapter):
    """Hands closures from the thread that finds them to the one that speaks ROS, and holds them.

    Everything but ``closed`` runs as a callback of the node: no two at the same time.
    """

    def __init__(self, node: Node, config: NodeConfig) -> None:
        super().__init__(node, config)
        self._held: deque[HeldClosure] = deque()
        self.every(_PERIOD, self.work)

    def closed(self, closure: LoopClosure) -> None:
        """Take a closure; the stack is told as soon as it can understand it."""
        if len(self._held) >= _MOST:
            self.refused(f"{_MOST} closures wait already")
            return
        self._held.append(HeldClosure(closure))

    def tell(self, held: HeldClosure) -> str:
        """Tell the stack if it can be told now; returns what it still waits for, empty when done.

        Raises:
            VprError: the stack can never be told.
        """
        raise NotImplementedError

    def patience(self) -> float:
        """Seconds that a closure may wait."""
        return self._settings.patience

    def work(self) -> None:
        """Try every closure once."""
        for _ in range(len(self._held)):
            held = self._held.popleft()
            try:
                missing = self.tell(held)
            except VprError as error:
                self.refused(str(error))
                continue
            if missing and held.age <= self.patience():
                self._held.append(held)
            elif missing:
                self.refused(f"a closure waited {held.age:.1f} s in vain: {missing}")

    def facts(self) -> dict[str, str]:
        """The counters, and how many closures wait."""
        return {**super().facts(), f"{self.name} waiting": str(len(self._held))}


class MetricClosureAdapter(ClosureAdapter):
    """For stacks that want the robot's motion between the two images, not the camera's."""

    def __init__(self, node: Node, config: NodeConfig) -> None:
        self._mounts = CameraMounts(config.tf.base_frame)
        super().__init__(node, config)
        self._mounts.listen(self)

    def closed(self, closure: LoopClosure) -> None:
        """Take a closure whose transform was measured.

        Raises:
            PoseError: it was not; a transform is never made up.
        """
        measured_pose(closure)
        if not closure.header.frame_id:
            raise PoseError("the loop closure does not name its camera's frame")
        super().closed(closure)

    def base_motion(self, closure: LoopClosure) -> RelativePose | None:
        """``match_T_query`` of the base frame; None as long as the camera's place is not known.

        Both images are taken to be from the camera that the closure's header names.
        """
        base_T_camera = self._mounts.base_T_camera(closure.header.frame_id)
        return None if base_T_camera is None else measured_pose(closure).carried_by(base_T_camera)

    def no_mount(self, closure: LoopClosure) -> str:
        """What such a closure waits for."""
        frames = f"{self._base_frame} to {closure.header.frame_id}"
        return f"no fixed transform from {frames} in /tf_static (tf.base_frame)"
