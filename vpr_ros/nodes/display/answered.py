# SPDX-License-Identifier: Apache-2.0
"""An image with its answer, for what is made of it once the answer is out."""

from __future__ import annotations

from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image

from vpr_ros.datatypes import Features, ImageArray, Recognition


@dataclass(frozen=True)
class Answered:
    """One image message and what became of it."""

    message: Image | CompressedImage
    image: ImageArray  # RGB, uint8 [H, W, 3]
    query: Features
    recognition: Recognition
