# SPDX-License-Identifier: Apache-2.0
"""The one door to messages that a robot may lack: ``vpr_msgs``, and other packages' by name."""

from __future__ import annotations

import importlib
from typing import Any

from vpr_ros.errors import ConfigError

try:
    from vpr_msgs.msg import FrameTimings, LoopClosure, PlaceCandidate, PlaceMatch
    from vpr_msgs.srv import GetMapInfo, LoadMap, QueryPlace, SaveMap
except ImportError as error:
    raise ConfigError(
        f"vpr_msgs is not built or not sourced ({error}): clone both packages into the workspace "
        "with 'vcs import src < vpr_ros.repos', run 'colcon build' there, then 'source "
        "install/setup.bash'"
    ) from error

__all__ = [
    "FrameTimings",
    "GetMapInfo",
    "LoadMap",
    "LoopClosure",
    "PlaceCandidate",
    "PlaceMatch",
    "QueryPlace",
    "SaveMap",
    "interface",
]


def interface(package: str, kind: str, name: str, remedy: str) -> Any:
    """A message or service of another package, which most robots lack.

    Args:
        package: the interface package.
        kind: ``msg`` or ``srv``.
        name: of the message or service.
        remedy: where the package comes from.

    Raises:
        ConfigError: the package is not installed.
    """
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{package}/{kind}/{name} is missing ({error}): {remedy}") from error
