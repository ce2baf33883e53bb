# SPDX-License-Identifier: Apache-2.0
"""The localizer: every image gets an answer from the map."""

from __future__ import annotations

from vpr_ros.config import LocalizerConfig
from vpr_ros.nodes.route_node import RouteNode


class LocalizerNode(RouteNode):
    """Recognizes the places of a map."""

    def __init__(self) -> None:
        super().__init__("localizer", LocalizerConfig())
