# SPDX-License-Identifier: Apache-2.0
"""Frames that never move against each other, as ``/tf_static`` tells them."""

from __future__ import annotations

from collections.abc import Iterable

from vpr_ros.datatypes import Pose
from vpr_ros.geometry.transforms import RigidTransform, below_shared


def as_mount(base_T_optical: RigidTransform) -> Pose:
    """A camera's place as ``Camera.mount`` has it; two are equal wherever they come from."""
    return base_T_optical.as_pose("base")


class FixedFrames:
    """Fixed transforms, each from a frame to the one it hangs on; ROS 1's slash is left out."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._parent_T: dict[str, RigidTransform] = {}  # by child

    def add(self, parent: str, child: str, parent_T_child: RigidTransform) -> None:
        """Take a transform, in place of what was known of this child."""
        name = child.removeprefix("/")
        self._parent_T[name] = parent_T_child  # first: another thread may be asking
        self._parents[name] = parent.removeprefix("/")

    def between(self, target: str, source: str) -> RigidTransform | None:
        """``target_T_source``, None where no chain of fixed transforms joins the two."""
        ends = target.removeprefix("/"), source.removeprefix("/")
        sides = below_shared(*ends, self._parents)
        if sides is None:
            return None
        shared_T_target, shared_T_source = map(self._product, sides)
        return shared_T_target.inverse() @ shared_T_source

    def camera_on(self, base: str, camera: str) -> RigidTransform | None:
        """``base_T_camera``, None where no chain tells.

        Nor is it known of a camera whose images name the robot's base as their frame.
        """
        is_base = base.removeprefix("/") == camera.removeprefix("/")
        return None if is_base else self.between(base, camera)

    def _product(self, side: Iterable[str]) -> RigidTransform:
        """``above_T_frame`` of frames that each hang on the next."""
        product = RigidTransform.identity()
        for frame in side:
            product = self._parent_T[frame] @ product
        return product
