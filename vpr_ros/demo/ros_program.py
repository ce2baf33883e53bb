# SPDX-License-Identifier: Apache-2.0
"""A program at a terminal that starts nodes: what it says, and how it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

import rclpy
from rclpy.signals import SignalHandlerOptions

from vpr_ros.errors import VprError


def say(text: str) -> None:
    """Write a line to the standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run_with_ros(work: Callable[[], int]) -> int:
    """The exit code that the work gives, 2 where it could not be done, 130 when interrupted."""
    # Nodes and replay are ended by this process: a signal must unwind it, not kill it.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        return work()
    except VprError as error:
        sys.stderr.write(f"vpr_ros: error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    finally:
        rclpy.try_shutdown()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
