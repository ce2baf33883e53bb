# SPDX-License-Identifier: Apache-2.0
"""What the robot remembers: keyframes in one file, and the index that finds the nearest."""

from vpr_ros.place_map.info import MapInfo, SessionInfo
from vpr_ros.place_map.map_set import MapSet, maps_in
from vpr_ros.place_map.map_stage import MapStage
from vpr_ros.place_map.place_map import PlaceMap

__all__ = ["MapInfo", "MapSet", "MapStage", "PlaceMap", "SessionInfo", "maps_in"]
