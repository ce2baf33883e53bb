# SPDX-License-Identifier: Apache-2.0
"""What the launch files share: a lifecycle node that configures and activates itself.

launch_ros has this built in only since Kilted; the events below do the same on every release.
"""

from __future__ import annotations

from launch import Condition
from launch.actions import EmitEvent, RegisterEventHandler
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition


def autostarted(node: LifecycleNode, condition: Condition) -> list[RegisterEventHandler]:
    """Handlers that configure a node once it runs, and activate it once it is configured.

    Args:
        node: the node; the handlers must stand before it, or they miss its start.
        condition: whether they do so at all.
    """

    def change(transition: int) -> EmitEvent:
        event = ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition)
        return EmitEvent(event=event)

    started = OnProcessStart(target_action=node, on_start=[change(Transition.TRANSITION_CONFIGURE)])
    configured = OnStateTransition(
        target_lifecycle_node=node,
        start_state="configuring",
        goal_state="inactive",
        entities=[change(Transition.TRANSITION_ACTIVATE)],
    )
    return [RegisterEventHandler(each, condition=condition) for each in (started, configured)]
