# SPDX-License-Identifier: Apache-2.0
"""The mapper: images and poses of a drive become keyframes of a map."""

from __future__ import annotations

from vpr_ros.config import MapperConfig
from vpr_ros.nodes.route_node import RouteNode


class MapperNode(RouteNode):
    """Learns a route while somebody drives it."""

    def __init__(self) -> None:
        super().__init__("mapper", MapperConfig())
