# SPDX-License-Identifier: Apache-2.0
"""slam_toolbox in localization mode: an initial pose, near which it matches the next scans.

It reads neither frame nor covariance of the pose: the map must have been recorded in its map frame.
It has no service to ask for a global localization; this adapter serves Nav2's.
"""

from __future__ import annotations

from vpr_ros.nodes.slam.initial_pose import InitialPose


class SlamToolbox(InitialPose):
    """slam_toolbox tells its pose with each scan that it takes, not how sure it is of it."""

    name = "slam_toolbox"
    own_pose = "pose"
