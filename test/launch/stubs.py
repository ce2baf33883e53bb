# SPDX-License-Identifier: Apache-2.0
"""Classes of launch and launch_ros that only remember what they were made with.

There are no wheels of launch: with these, what a launch file starts can be read everywhere.
"""

import sys
from types import ModuleType

CLASSES = {
    "ament_index_python.packages": (),
    "launch": ("Condition", "LaunchContext", "LaunchDescription", "LaunchDescriptionEntity"),
    "launch.actions": (
        "DeclareLaunchArgument", "EmitEvent", "OpaqueFunction", "RegisterEventHandler",
    ),
    "launch.conditions": ("IfCondition",),
    "launch.event_handlers": ("OnProcessStart",),
    "launch.events": ("matches_action",),
    "launch.substitutions": ("LaunchConfiguration",),
    "launch_ros": (),
    "launch_ros.actions": ("LifecycleNode",),
    "launch_ros.event_handlers": ("OnStateTransition",),
    "launch_ros.events": (),
    "launch_ros.events.lifecycle": ("ChangeState",),
    "launch_ros.parameter_descriptions": ("ParameterValue",),
}  # fmt: skip


class Made:
    """An object with the positional and named arguments it was made with."""

    def __init__(self, *positional, **named):
        self.positional, self.named = positional, named


class LaunchConfiguration(Made):
    """Its value is that of the context, a dictionary of the arguments."""

    def perform(self, context):
        return context[self.positional[0]]


def install(monkeypatch, share):
    """Put the stubs in the place of launch for one test; ``share`` is the package's folder."""
    for name, classes in CLASSES.items():
        module = ModuleType(name)
        for each in classes:
            setattr(module, each, type(each, (Made,), {}))
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["launch.substitutions"].LaunchConfiguration = LaunchConfiguration
    sys.modules["ament_index_python.packages"].get_package_share_directory = lambda _: str(share)
    monkeypatch.delitem(sys.modules, "vpr_ros.nodes.launching", raising=False)


def performed(value, context):
    """What launch would make of a value in a context."""
    if isinstance(value, LaunchConfiguration):
        return value.perform(context)
    if isinstance(value, Made) and type(value).__name__ == "ParameterValue":
        text, kind = performed(value.positional[0], context), value.named["value_type"]
        return text.lower() == "true" if kind is bool else kind(text)
    if isinstance(value, dict):
        return {name: performed(each, context) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(performed(each, context) for each in value)
    return value
