# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM, heard between two callbacks instead of in the middle of one.

rclpy's own handlers shut the context down at once: a callback that is about to publish then fails,
and the answer that it had worked for is lost.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_end_signal(react: Callable[[], object]) -> Iterator[None]:
    """Call a function, in a thread of its own, when the process is asked to end; main thread only.

    A Python signal handler would not do: it runs once the main thread is back from waiting for
    messages, which may be never.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    waiting = threading.Thread(target=_wait, args=(reading, react), daemon=True)
    waiting.start()
    handlers = {number: signal.signal(number, _leave_to_the_thread) for number in _ENDING}
    wakeup = signal.set_wakeup_fd(writing)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writing)  # ends the thread
        waiting.join()
        os.close(reading)


def _wait(reading: int, react: Callable[[], object]) -> None:
    while numbers := os.read(reading, 16):
        if any(number in _ENDING for number in numbers):
            react()


def _leave_to_the_thread(_number: int, _frame: FrameType | None) -> None:
    """Python must have a handler, or the signal would end the process."""
