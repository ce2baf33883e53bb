# SPDX-License-Identifier: Apache-2.0
"""Talking to the person at the terminal: lines, complaints, progress and Ctrl-C."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tqdm import tqdm

from vpr_ros.errors import VprError

PROGRAM = "vpr"


def say(text: str) -> None:
    """Write a line to the standard output."""
    sys.stdout.write(text + "\n")


def complain(text: str) -> None:
    """Write one line to the standard error output, beside a progress bar if there is one."""
    tqdm.write(f"{PROGRAM}: {' '.join(text.split())}", file=sys.stderr)


class _Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        complain(self.format(record))


@contextmanager
def log_told() -> Iterator[None]:
    """Show what the library logs, as lines of the standard error output."""
    logger, handler = logging.getLogger("vpr_ros"), _Log(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class Skipped:
    """Counts what could not be used and names the first few, so that a flood stays readable."""

    NAMED = 5

    def __init__(self) -> None:
        self.count = 0
        self.first: VprError | None = None

    def __call__(self, error: VprError) -> None:
        """Take note of what was skipped and why."""
        self.count += 1
        self.first = self.first or error
        if self.count <= self.NAMED:
            complain(f"skipped: {error}")
        elif self.count == self.NAMED + 1:
            complain("skipped: more, which are only counted")

    def in_words(self) -> str:
        """The end of a summary."""
        return f", {self.count} skipped" if self.count else ""


@contextmanager
def progress(total: int, label: str, done: int = 0) -> Iterator[Callable[[], None]]:
    """Show a progress bar, and the time left, if the standard error output is a terminal.

    Args:
        total: steps in all.
        label: what is done.
        done: steps that were done earlier: they say nothing of the time that the others take.

    Yields:
        What to call after every step. It raises KeyboardInterrupt after Ctrl-C, so that no step
        is torn in the middle; a second Ctrl-C interrupts at once.
    """
    with (
        _noted_interrupts() as interrupted,
        tqdm(
            total=total, initial=done, desc=label, unit=" frames", disable=None, dynamic_ncols=True
        ) as bar,
    ):

        def step() -> None:
            bar.update()
            if interrupted.is_set():
                raise KeyboardInterrupt

        yield step


@contextmanager
def _noted_interrupts() -> Iterator[threading.Event]:
    """Set an event on the first Ctrl-C instead of raising wherever the program happens to be."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # signals belong to the main thread
        return

    def note(number: int, frame: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
