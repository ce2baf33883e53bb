# SPDX-License-Identifier: Apache-2.0
"""What the launch files share: a lifecycle node that configures and activates itself.

launch_ros has this built in only since Kilted; the events below do the same on every release.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

from vpr_ros.config import RUNTIMES


@dataclass(frozen=True)
class Argument:
    """One launch argument and what it sets."""

    description: str
    default: str = ""
    parameter: str = ""  # node parameter; an empty argument leaves what the parameter file says
    topic: str = ""  # topic of the node that is remapped to the argument


COMMON = {
    "namespace": Argument("Namespace of the node"),
    "params_file": Argument("Parameter file; empty: the one that is installed"),
    "use_sim_time": Argument("true: take the time from /clock, as when replaying a bag", "false"),
    "mode": Argument("map, localize or slam; empty: as the file's name says", parameter="mode"),
    "map": Argument(
        "The map's file, or to localize a folder of maps; empty: map_path of the parameter file",
        parameter="map_path",
    ),
    "image_topic": Argument("The camera's images", "/camera/image_raw", topic="image"),
    "image_transport": Argument("raw or compressed", parameter="image_transport"),
    "reliability": Argument("auto, best_effort or reliable", parameter="reliability"),
    "method": Argument(
        "r2former_tiny, hog_sift, r2former, transvpr, or another", parameter="method"
    ),
    "weights": Argument("File of the network, or its weights", parameter="network.weights"),
    "runtime": Argument(", ".join(RUNTIMES), parameter="network.runtime"),
    "device": Argument("auto, cpu, cuda or cuda:N", parameter="network.device"),
}


def lifecycle_launch(
    executable: str, file_name: str, arguments: Mapping[str, Argument]
) -> LaunchDescription:
    """The launch description of one of this package's nodes.

    Args:
        executable: console script and node name.
        file_name: the installed parameter file.
        arguments: the node's own arguments, beside those of ``COMMON``.
    """
    known = {**COMMON, **arguments}

    def start(context: LaunchContext) -> list[object]:
        values = {name: LaunchConfiguration(name).perform(context) for name in known}
        node = _node(executable, file_name, known, values)
        return [*_autostart(node), node]

    declared = [
        DeclareLaunchArgument(
            name, default_value=known_as.default, description=known_as.description
        )
        for name, known_as in known.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def _node(
    executable: str, file_name: str, known: Mapping[str, Argument], values: Mapping[str, str]
) -> LifecycleNode:
    share = get_package_share_directory("vpr_ros")
    params_file = values["params_file"] or os.path.join(share, "config", file_name)
    parameters = {
        argument.parameter: values[name]
        for name, argument in known.items()
        if argument.parameter and values[name]
    }
    return LifecycleNode(
        package="vpr_ros",
        executable=executable,
        name=executable,
        namespace=values["namespace"],
        output="screen",
        parameters=[
            params_file,
            {**parameters, "use_sim_time": values["use_sim_time"].lower() == "true"},
        ],
        remappings=[(a.topic, values[name]) for name, a in known.items() if a.topic],
    )


def _autostart(node: LifecycleNode) -> list[RegisterEventHandler]:
    """Configure the node once it runs, activate it once it is configured."""

    def change(transition: int) -> EmitEvent:
        event = ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition)
        return EmitEvent(event=event)

    configure = change(Transition.TRANSITION_CONFIGURE)
    configured = OnStateTransition(
        target_lifecycle_node=node,
        start_state="configuring",
        goal_state="inactive",
        entities=[change(Transition.TRANSITION_ACTIVATE)],
    )
    return [
        RegisterEventHandler(OnProcessStart(target_action=node, on_start=[configure])),
        RegisterEventHandler(configured),
    ]
