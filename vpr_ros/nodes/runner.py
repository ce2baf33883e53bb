# SPDX-License-Identifier: Apache-2.0
"""Running one node as a process: one line for what is refused, nothing lost when it is stopped."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from vpr_ros.errors import VprError
from vpr_ros.nodes.logging_bridge import LoggingBridge
from vpr_ros.nodes.memory import share_arenas
from vpr_ros.nodes.signals import on_end_signal

if TYPE_CHECKING:
    from vpr_ros.nodes.place_node import PlaceNode


def run(make_node: Callable[[], PlaceNode]) -> int:
    """Spin a node until it is interrupted; returns the process's exit code."""
    share_arenas()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        _spin(make_node)
    except VprError as error:
        sys.stderr.write(f"vpr_ros: error: {error}\n")
        return 2
    finally:
        rclpy.try_shutdown()
    return 0


def _spin(make_node: Callable[[], PlaceNode]) -> None:
    executor = SingleThreadedExecutor()
    signals: list[bool] = []
    ending = threading.Event()

    def end() -> None:
        ending.set()
        # The task wakes the executor, and is run like a callback: after the one that is at work.
        executor.create_task(signals.append, True)

    with on_end_signal(end):
        node = make_node()
        node.ending = ending
        library = logging.getLogger("vpr_ros")
        library.setLevel(logging.INFO)
        library.addHandler(LoggingBridge(node.get_logger()))
        executor.add_node(node)
        try:
            while not signals:
                executor.spin_once()
        finally:
            node.close()
            executor.remove_node(node)
            node.destroy_node()
