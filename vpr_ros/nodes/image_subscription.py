# SPDX-License-Identifier: Apache-2.0
"""The images of one camera: found as image_transport names them, losses told with a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from vpr_ros.drives.topics import is_compressed
from vpr_ros.nodes.camera_inputs import CameraInput
from vpr_ros.nodes.offered_subscription import RELIABLE, OfferedSubscription

_ASK_RELIABLY = "set reliability: auto"
_ASK_LESS = "it offers best effort only: set reliability: auto"
# Measured with Fast DDS on one machine: its shared memory holds 0.55 MB, and of larger images that
# are sent best effort next to none arrive.
_OFFER_RELIABLY = (
    "let the camera publish reliable, or give its middleware room for whole images (Fast DDS: "
    "segment_size of its shared memory), or set image_transport: compressed"
)


class ImageSubscription:
    """A camera's images, raw or compressed, until ``stop``."""

    def __init__(
        self,
        node: Node,
        camera: CameraInput,
        transport: str,
        reliability: str,
        callback: Callable[[Any], None],
    ) -> None:
        """Listen from now on.

        Args:
            node: whose executor calls.
            camera: whose topic is meant.
            transport: ``raw`` or ``compressed``.
            reliability: ``auto``, ``reliable`` or ``best_effort``.
            callback: called with each Image or CompressedImage.
        """
        name = camera.images_name(node, transport)
        kind = CompressedImage if is_compressed(node.resolve_topic_name(name)) else Image
        self._subscription = OfferedSubscription(node, kind, name, callback, reliability)

    @property
    def topic(self) -> str:
        """Where the images come from."""
        return self._subscription.topic

    @property
    def lost(self) -> int:
        """Images that the middleware lost between publisher and node, as far as it tells."""
        return self._subscription.lost or 0

    @property
    def unheard(self) -> int:
        """Publishers whose quality of service does not fit."""
        return self._subscription.unheard

    def remedy(self) -> str:
        """The setting that mends what is wrong; empty where nothing is."""
        if self._subscription.unheard:
            return _ASK_LESS
        if not self.lost:
            return ""
        could_be_reliable = self._subscription.offered() == RELIABLE
        is_reliable = self._subscription.reliability == RELIABLE
        return _ASK_RELIABLY if could_be_reliable and not is_reliable else _OFFER_RELIABLY

    def facts(self) -> dict[str, str]:
        """What diagnostics should show."""
        lost = self._subscription.lost
        return {
            f"{self.topic} reliability": self._subscription.reliability,
            f"{self.topic} lost on the way": "not told" if lost is None else str(lost),
            f"{self.topic} remedy": self.remedy(),
        }

    def stop(self) -> None:
        """Listen no more; safe to call twice."""
        self._subscription.stop()
