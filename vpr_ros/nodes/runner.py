# SPDX-License-Identifier: Apache-2.0
"""Running one node as a process: one line for what is refused, nothing lost when it is stopped."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import rclpy
from rclpy.executors import ExternalShutdownException

from vpr_ros.errors import VprError
from vpr_ros.nodes.logging_bridge import LoggingBridge

if TYPE_CHECKING:
    from vpr_ros.nodes.place_node import PlaceNode


def run(make_node: Callable[[], PlaceNode]) -> int:
    """Spin a node until it is interrupted; returns the process's exit code."""
    rclpy.init()
    try:
        return _spin(make_node())
    except VprError as error:
        sys.stderr.write(f"vpr_ros: error: {error}\n")
        return 2
    finally:
        rclpy.try_shutdown()


def _spin(node: PlaceNode) -> int:
    library = logging.getLogger("vpr_ros")
    library.setLevel(logging.INFO)
    library.addHandler(LoggingBridge(node.get_logger()))
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.close()
        node.destroy_node()
    return 0
