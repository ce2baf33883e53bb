# SPDX-License-Identifier: Apache-2.0
"""The one door to ``vpr_msgs``, which says how to build it where it is missing."""

from __future__ import annotations

from vpr_ros.errors import ConfigError

try:
    from vpr_msgs.msg import FrameTimings, LoopClosure, PlaceCandidate, PlaceMatch
    from vpr_msgs.srv import GetMapInfo, LoadMap, QueryPlace, SaveMap
except ImportError as error:
    raise ConfigError(
        f"vpr_msgs is not built or not sourced ({error}): run 'colcon build --base-paths . "
        "vpr_msgs' in the vpr_ros folder ('--base-paths src src/vpr_ros/vpr_msgs' in a "
        "workspace), then 'source install/setup.bash'"
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
]
