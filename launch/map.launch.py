# SPDX-License-Identifier: Apache-2.0
"""Build a map while somebody drives: ros2 launch vpr_ros map.launch.py map:=route.vprmap."""

from launch import LaunchDescription

from vpr_ros.nodes.launching import Argument, lifecycle_launch

ARGUMENTS = {
    "session": Argument("Name of this drive in the map; empty: session-N", parameter="session"),
    "pose_type": Argument(
        "odometry, pose, pose_with_covariance, tf or none", parameter="pose_type"
    ),
    "odom_topic": Argument("Poses, if pose_type is odometry", "/odom", topic="odom"),
    "pose_topic": Argument("Poses, if pose_type is pose...", "/pose", topic="pose"),
    "camera_info_topic": Argument(
        "Intrinsics, kept in the map", "/camera/camera_info", topic="camera_info"
    ),
}


def generate_launch_description() -> LaunchDescription:
    """The mapper, configured and activated by itself."""
    return lifecycle_launch("mapper", "map.yaml", ARGUMENTS)
