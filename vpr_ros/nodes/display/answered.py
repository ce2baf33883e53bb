# SPDX-License-Identifier: Apache-2.0
"""An image with its answer, for what is made of it once the answer is out."""

from __future__ import annotations

from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image

from vpr_ros.datatypes import Features, ImageArray, Recognition
from vpr_ros.route.session import Outcome


@dataclass(frozen=True)
class Answered:
    """One image message and what became of it."""

    message: Image | CompressedImage
    image: ImageArray  # RGB, uint8 [H, W, 3]
    query: Features
    recognition: Recognition

    @classmethod
    def of(cls, message: Image | CompressedImage, outcome: Outcome) -> Answered:
        """A step that answered its image."""
        frame, features, recognition = outcome.frame, outcome.features, outcome.recognition
        assert frame.image is not None
        assert features is not None
        assert recognition is not None
        return cls(message, frame.image, features, recognition)
