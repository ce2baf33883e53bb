# SPDX-License-Identifier: Apache-2.0
"""slam_toolbox in localization mode: an initial pose, near which it matches the next scans.

It reads neither frame nor covariance of the pose: the map must have been recorded in its map frame.
It has no service to ask for a global localization; this adapter serves Nav2's.
"""

from __future__ import annotations

from vpr_ros.nodes.slam.relocalizer import InitialPose


class SlamToolbox(InitialPose):
    """slam_toolbox says nothing that would tell a lost robot from one that is not."""

    name = "slam_toolbox"
