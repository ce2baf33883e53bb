# SPDX-License-Identifier: Apache-2.0
"""Callbacks that need what another thread makes: they await it, and others run meanwhile."""

from __future__ import annotations

from concurrent.futures import Future as ThreadFuture
from typing import TypeVar

from rclpy.node import Node
from rclpy.task import Future

R = TypeVar("R")


async def result_of(node: Node, future: ThreadFuture[R]) -> R:
    """What another thread makes, for a coroutine of the node's executor.

    A callback that waited for it would hold up the one thread that brings in poses, for which that
    other thread may be waiting. The callback's group must be its own: a group whose callback awaits
    runs nothing else.

    Raises:
        Exception: whatever the other thread raised.
    """
    made: Future = Future(executor=node.executor)

    def settle(done: ThreadFuture[R]) -> None:
        made.set_result(None)
        node.executor.create_task(_wake)  # an executor that waits for messages hears no futures

    future.add_done_callback(settle)
    await made
    return future.result()


def _wake() -> None:
    """Nothing to do but to be run."""
