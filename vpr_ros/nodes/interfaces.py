# SPDX-License-Identifier: Apache-2.0
"""The one door to ``vpr_msgs``, which says how to build it where it is missing."""

from __future__ import annotations

from vpr_ros.errors import ConfigError

try:
    from vpr_msgs.msg import LoopClosure, PlaceCandidate, PlaceMatch
    from vpr_msgs.srv import GetMapInfo, LoadMap, QueryPlace, SaveMap
except ImportError as error:
    raise ConfigError(
        f"vpr_msgs is not built or not sourced ({error}): clone both packages into the workspace "
        "with 'vcs import src < vpr_ros.repos', run 'colcon build' there, then 'source "
        "install/setup.bash'"
    ) from error

__all__ = [
    "GetMapInfo",
    "LoadMap",
    "LoopClosure",
    "PlaceCandidate",
    "PlaceMatch",
    "QueryPlace",
    "SaveMap",
]
