# SPDX-License-Identifier: Apache-2.0
"""What the robot remembers: keyframes in one file, and the index that finds the nearest."""

from vpr_ros.place_map.base import Map, Nearest
from vpr_ros.place_map.corrected_poses import CorrectedPoses
from vpr_ros.place_map.info import MapInfo, SessionInfo
from vpr_ros.place_map.keyframe_table import KeyframeTable
from vpr_ros.place_map.looks import Looks, looks_of
from vpr_ros.place_map.map_set import MapSet, maps_in
from vpr_ros.place_map.map_stage import MapStage
from vpr_ros.place_map.place_map import PlaceMap

__all__ = [
    "CorrectedPoses",
    "KeyframeTable",
    "Looks",
    "Map",
    "MapInfo",
    "MapSet",
    "MapStage",
    "Nearest",
    "PlaceMap",
    "SessionInfo",
    "looks_of",
    "maps_in",
]
