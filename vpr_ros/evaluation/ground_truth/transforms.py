# SPDX-License-Identifier: Apache-2.0
"""Ground truth of tf2_msgs/TFMessage: one frame in another, along the chain between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vpr_ros.datatypes import Pose
from vpr_ros.drives.bag_messages import pose_from_parts, stamp_ns_of
from vpr_ros.drives.tracks import MAX_GAP_S, Track, pose_buffer
from vpr_ros.errors import DatasetError
from vpr_ros.geometry.pose_buffer import PoseBuffer
from vpr_ros.geometry.transforms import RigidTransform, below_shared, to_root

TF_TYPE = "tf2_msgs/msg/TFMessage"
STATIC_TOPIC = "tf_static"


class TransformTree:
    """The transforms of a recording; each frame has one parent, as tf2 demands."""

    def __init__(self, max_gap: float = MAX_GAP_S) -> None:
        """Start empty; between transforms at most ``max_gap`` seconds apart is interpolated."""
        self._max_gap = max_gap
        self._parents: dict[str, str] = {}
        self._static: dict[str, RigidTransform] = {}  # parent_T_child, by child
        self._moving: dict[str, list[tuple[int, Pose]]] = {}  # the same over time
        self._buffers: dict[str, PoseBuffer] = {}

    def add(self, message: Any, is_static: bool) -> None:
        """Take the transforms of one message.

        Raises:
            DatasetError: a frame has two parents.
            PoseError: a transform is not finite, or its quaternion is zero.
        """
        for each in message.transforms:
            parent, child = _bare(each.header.frame_id), _bare(each.child_frame_id)
            if self._parents.setdefault(child, parent) != parent:
                raise DatasetError(
                    f"frame {child} has two parents, {self._parents[child]} and {parent}: a "
                    "second publisher was recorded"
                )
            pose = pose_from_parts(each.transform.translation, each.transform.rotation, parent)
            if is_static:
                self._static[child] = RigidTransform.of_pose(pose)
            else:
                self._moving.setdefault(child, []).append((stamp_ns_of(each.header), pose))

    def track(self, target: str, source: str) -> Track:
        """The pose of ``source`` in ``target`` at every stamp of what moves between them.

        Stamps that some part of the chain does not cover are left out.

        Raises:
            DatasetError: no chain joins the two, or nothing of it moves.
        """
        up, down = self._sides(_bare(source), _bare(target))
        moving = {child for child in (*up, *down) if child in self._moving}
        if not moving:
            raise DatasetError(
                f"nothing moves between {target} and {source}: their transforms are all static"
            )
        self._buffers = {child: pose_buffer(self._moving[child], self._max_gap) for child in moving}
        stamps_ns = sorted({stamp for child in moving for stamp, _ in self._moving[child]})
        found = ((stamp, self._at(up, down, stamp)) for stamp in stamps_ns)
        return [
            (stamp, transform.as_pose(_bare(target))) for stamp, transform in found if transform
        ]

    def _sides(self, source: str, target: str) -> tuple[list[str], list[str]]:
        """Frames from each of the two upward, below the first ancestor that both have."""
        for frame in (source, target):
            root = to_root(frame, self._parents)[-1]
            if root in self._parents:
                raise DatasetError(f"frame {root} is its own ancestor: the transforms run round")
        sides = below_shared(source, target, self._parents)
        if sides is None:
            known = ", ".join(sorted({*self._parents, *self._parents.values()})) or "none"
            raise DatasetError(f"no transforms join {source} and {target}; the frames are: {known}")
        return sides

    def _at(self, up: Iterable[str], down: Iterable[str], stamp_ns: int) -> RigidTransform | None:
        """target_T_source = inverse(shared_T_target) shared_T_source."""
        source, target = self._product(up, stamp_ns), self._product(down, stamp_ns)
        return target.inverse() @ source if source and target else None

    def _product(self, chain: Iterable[str], stamp_ns: int) -> RigidTransform | None:
        product = RigidTransform.identity()
        for child in chain:
            edge = self._edge(child, stamp_ns)
            if edge is None:
                return None
            product = edge @ product
        return product

    def _edge(self, child: str, stamp_ns: int) -> RigidTransform | None:
        """parent_T_child at a stamp; what moves goes before what was once called static."""
        if child not in self._buffers:
            return self._static[child]
        pose = self._buffers[child].at(stamp_ns)
        return RigidTransform.of_pose(pose) if pose else None


def _bare(frame: str) -> str:
    """ROS 1 wrote frames with a slash, and bridged recordings still do."""
    return str(frame).removeprefix("/")
