# SPDX-License-Identifier: Apache-2.0
"""Recognize places in a map: ros2 launch vpr_ros localize.launch.py map:=route.vprmap.

Starts one lifecycle node, ``localizer``, with the parameters of config/localize.yaml (or your
params_file), and brings it to active. An argument outdoes the file where it is given.
"""

import os
from collections.abc import Iterable

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue

from vpr_ros.nodes.launching import autostarted

CONFIG = os.path.join(get_package_share_directory("vpr_ros"), "config", "localize.yaml")

# name, default, description
ARGUMENTS = [
    ("namespace", "", "Namespace of the node"),
    ("params_file", CONFIG, "Parameter file"),
    ("autostart", "true", "false: somebody else configures and activates the node"),
    ("log_level", "info", "debug, info, warn, error or fatal"),
    # The node's topics
    ("image_topic", "/camera/image_raw", "The camera's images"),
    ("camera_info_topic", "", "Its intrinsics; empty: camera_info beside the images"),
    ("odom_topic", "/odom", "Odometry, for a sequence filter or tf.broadcast"),
    # Parameters; empty: as the parameter file, or a launch file around this one, says
    ("use_sim_time", "", "true: take the time from /clock, as when replaying a bag"),
    ("map", "", "The map's file, or a folder of maps"),
    ("image_transport", "", "raw or compressed"),
    ("reliability", "", "Quality of service of the image subscription"),
    ("method", "", "r2former_tiny, hog_sift, or another; see docs/methods.md"),
    ("weights", "", "File of the network, or its weights"),
    ("runtime", "", "What runs the network"),
    ("device", "", "auto, cpu, cuda or cuda:N"),
]

# argument -> the node's topic that it stands for
TOPICS = {
    "image_topic": "image",
    "camera_info_topic": "camera_info",
    "odom_topic": "odom",
}

# argument -> the node's parameter that it sets
PARAMETERS = {
    "use_sim_time": "use_sim_time",
    "map": "map_path",
    "image_transport": "image_transport",
    "reliability": "reliability",
    "method": "method",
    "weights": "network.weights",
    "runtime": "network.runtime",
    "device": "network.device",
}


def generate_launch_description() -> LaunchDescription:
    """The localizer, configured and activated by itself."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The node, with the topics and parameters that are given."""
    localizer = LifecycleNode(
        package="vpr_ros",
        executable="localizer",
        name="localizer",
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), *parameters(context)],
        remappings=[(TOPICS[name], LaunchConfiguration(name)) for name in given(context, TOPICS)],
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        output="screen",
    )
    return [*autostarted(localizer, IfCondition(LaunchConfiguration("autostart"))), localizer]


def parameters(context: LaunchContext) -> list[dict[str, ParameterValue]]:
    """Those that are given, over those of the file; of their type, whatever YAML makes of them."""
    values = {
        PARAMETERS[name]: ParameterValue(
            LaunchConfiguration(name), value_type=bool if name == "use_sim_time" else str
        )
        for name in given(context, PARAMETERS)
    }
    return [values] if values else []


def given(context: LaunchContext, names: Iterable[str]) -> list[str]:
    """Those of some arguments that are not empty."""
    return [name for name in names if LaunchConfiguration(name).perform(context)]
