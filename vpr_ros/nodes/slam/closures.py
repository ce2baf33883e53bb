# SPDX-License-Identifier: Apache-2.0
"""Loop closures on their way to a stack, which may not know both of their images yet."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field

from rclpy.node import Node

from vpr_ros.config import NodeConfig
from vpr_ros.datatypes import LoopClosure
from vpr_ros.errors import VprError
from vpr_ros.geometry.poses import PoseError
from vpr_ros.geometry.transforms import RelativePose
from vpr_ros.nodes.slam.base import StackAdapter
from vpr_ros.nodes.tf.camera_mounts import CameraMounts

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
        return self.closure.stamp_ns

    @property
    def match_ns(self) -> int:
        """Stamp of the earlier image."""
        return self.closure.match.keyframe.stamp_ns


class ClosureAdapter(StackAdapter, ABC):
    """Hands closures from the thread that finds them to the one that speaks ROS, and holds them.

    Everything but ``closed`` runs as a callback of the node: no two at the same time.
    """

    def __init__(self, node: Node, config: NodeConfig) -> None:
        super().__init__(node, config)
        self._held: deque[HeldClosure] = deque()
        self.every(_PERIOD, self.work)

    @abstractmethod
    def tell(self, held: HeldClosure) -> str:
        """Tell the stack if it can be told now; returns what it still waits for, empty when done.

        Raises:
            VprError: the stack can never be told.
        """

    def closed(self, closure: LoopClosure) -> None:
        """Take a closure; the stack is told as soon as it can understand it."""
        if len(self._held) >= _MOST:
            self.refused(f"{_MOST} closures wait already")
            return
        self._held.append(HeldClosure(closure))

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

    def __init__(self, node: Node, config: NodeConfig, mounts: CameraMounts) -> None:
        """Be ready to tell.

        Raises:
            ConfigError: tf2_msgs is not installed.
        """
        mounts.require()
        super().__init__(node, config)
        self._mounts = mounts

    def closed(self, closure: LoopClosure) -> None:
        """Take a closure whose transform was measured.

        Raises:
            PoseError: it was not; a transform is never made up.
        """
        _measured(closure)
        if not closure.camera_frame:
            raise PoseError("the loop closure does not name its camera's frame")
        super().closed(closure)

    def base_motion(self, closure: LoopClosure) -> RelativePose | None:
        """``match_T_query`` of the base frame; None as long as a camera's place is not known."""
        query, match = map(self._mounts.base_T_camera, _camera_frames(closure))
        if query is None or match is None:
            return None
        return _measured(closure).carried_by(match, query)

    def no_mount(self, closure: LoopClosure) -> str:
        """What such a closure waits for."""
        frames = dict.fromkeys(_camera_frames(closure))
        missing = [frame for frame in frames if self._mounts.base_T_camera(frame) is None]
        way = f"{self._base_frame} to {' and '.join(missing)}"
        return f"no fixed transform from {way} in /tf_static (tf.base_frame)"


def _measured(closure: LoopClosure) -> RelativePose:
    """``match_T_query`` between the cameras' optical frames.

    Raises:
        PoseError: it was not measured, or its covariance was not.
    """
    if closure.transform is None:
        raise PoseError("the loop closure has no measured transform, and this stack needs one")
    return RelativePose.measured(closure.transform)


def _camera_frames(closure: LoopClosure) -> tuple[str, str]:
    """Of the query and of the match; one that has no name is taken to be the query's, too."""
    match_frame = closure.transform.match_T_query.frame_id if closure.transform else ""
    return closure.camera_frame, match_frame or closure.camera_frame
