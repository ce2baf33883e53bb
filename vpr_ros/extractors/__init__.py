# SPDX-License-Identifier: Apache-2.0
"""What describes an image: one global descriptor, local features, points for geometry."""

from vpr_ros.extractors.hand_made import HogDescriber

# What describes without a network, by its name in ``config.methods.DESCRIBERS``.
HAND_MADE = {"hog": HogDescriber}
