# SPDX-License-Identifier: Apache-2.0
"""A camera that hangs sends one image again and again, while the robot drives on."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from vpr_ros.datatypes import Frame, ImageArray, Pose
from vpr_ros.errors import NothingShownError
from vpr_ros.geometry.poses import angle, distance

_MOVED, _TURNED = 0.5, 0.2  # meters and radians that no camera overlooks to the last bit
_SAMPLED = 4  # every so manyth pixel of every so manyth row is compared


@dataclass(frozen=True)
class _View:
    digest: int
    stamp_ns: int  # of the first image like it
    pose: Pose | None


class FrozenCameras:
    """Remembers the last image of each camera.

    Without poses nothing is frozen: a robot that stands in a simulation sees such images, too.
    """

    def __init__(self) -> None:
        self._views: dict[str, _View] = {}

    def check(self, frame: Frame) -> None:
        """Raise NothingShownError if the robot moved since it saw just this image first."""
        if frame.image is None:
            return
        digest, view = _digest(frame.image), self._views.get(frame.source)
        first, pose = (None if view is None else view.pose), frame.pose
        if view is None or view.digest != digest or first is None:
            self._views[frame.source] = _View(digest, frame.stamp_ns, pose)
            return
        if pose is None or pose.frame_id != first.frame_id:
            return
        moved = distance(first, pose)
        if moved > _MOVED or angle(first, pose) > _TURNED:
            seconds = (frame.stamp_ns - view.stamp_ns) * 1e-9
            raise NothingShownError(
                f"the image shows nothing: it has been the same one for {seconds:.1f} s and "
                f"{moved:.1f} m, the camera is frozen"
            )


def _digest(image: ImageArray) -> int:
    return zlib.crc32(image[::_SAMPLED, ::_SAMPLED].tobytes())
