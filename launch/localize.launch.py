# SPDX-License-Identifier: Apache-2.0
"""Recognize places in a map: ros2 launch vpr_ros localize.launch.py map:=route.vprmap."""

from launch import LaunchDescription

from vpr_ros.nodes.launching import lifecycle_launch


def generate_launch_description() -> LaunchDescription:
    """The localizer, configured and activated by itself."""
    return lifecycle_launch("localizer", "localize.yaml", {})
