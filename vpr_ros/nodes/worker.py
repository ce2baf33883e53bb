# SPDX-License-Identifier: Apache-2.0
"""One thread owns the model and the map; the newest frame wins."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from vpr_ros.nodes.waiting_frames import WaitingFrames

F = TypeVar("F")
R = TypeVar("R")

_log = logging.getLogger(__name__)


class FrameWorker(Generic[F]):
    """Handles frames one at a time, and calls from elsewhere between them.

    A robot wants the answer to what it sees now: while one frame is handled, a newer one replaces
    the one that waits. Frames of several sources wait beside each other and take turns. A frame
    that raises is reported and the thread goes on.

    Where frames may wait for what comes late, they do so in a line, from which each is handled in
    its turn once it is ready; those that wait in vain come out of it, and the newest wins again.
    """

    def __init__(
        self,
        handle: Callable[[F], None],
        on_failure: Callable[[F, Exception], None],
        waiting: WaitingFrames[F] | None = None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """Start the thread.

        Args:
            handle: called with each frame, on the thread.
            on_failure: called with a frame and what it raised, on the thread.
            waiting: the line of frames that may wait; None handles each as soon as may be.
            on_lost: called when a frame that waited in vain is lost to a newer one.
        """
        self._handle = handle
        self._on_failure = on_failure
        self._waiting = waiting
        self._on_lost = on_lost
        self._frames: dict[str, F] = {}  # of each source, the longest waiting first
        self._calls: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="vpr_ros worker", daemon=True)
        self._thread.start()

    def offer(self, frame: F, source: str = "") -> bool:
        """Hand over a frame; False if one is lost: the one that waited, or this one after stop.

        A newer frame takes the older one's place in the queue: fast sources do not push to the
        front, and do not fall behind for being fast.
        """
        with self._changed:
            if self._stopping:
                return False
            next_one = frame if self._waiting is None else self._waiting.put(frame, source)
            is_kept = next_one is None or self._place(next_one, source)
            self._changed.notify()
        return is_kept

    def wake(self) -> None:
        """Look again which of the waiting frames are ready."""
        with self._changed:
            if self._waiting:
                self._changed.notify()

    def submit(self, function: Callable[[], R]) -> Future[R]:
        """Run a function on the worker's thread, before any waiting frame; gives its result later.

        Raises:
            RuntimeError: the worker was stopped.
        """
        future: Future[R] = Future()
        with self._changed:
            if self._stopping:
                raise RuntimeError("the worker is stopped")
            self._calls.append(lambda: _resolve(future, function))
            self._changed.notify()
        return future

    def stop(self) -> None:
        """Finish what waits, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._calls:
                if (due := self._due()) is not None:
                    (frame,) = due
                    return lambda: self._attempt(frame)
                if self._stopping:
                    return None
                self._changed.wait(None if self._waiting is None else self._waiting.patience())
            return self._calls.popleft()

    def _due(self) -> tuple[F] | None:
        """The frame whose turn it is, taken out of where it waited."""
        waiting = self._waiting
        if waiting is not None and not self._stopping:
            for source, frame in waiting.expired():
                if not self._place(frame, source):
                    self._on_lost()
        if self._frames:
            return (self._frames.pop(next(iter(self._frames))),)
        return None if waiting is None else waiting.next_ready(all_are=self._stopping)

    def _place(self, frame: F, source: str) -> bool:
        """Make a frame the next one of its source; False if an older one is lost by that."""
        pushed_out = source in self._frames
        self._frames[source] = frame
        return not pushed_out

    def _attempt(self, frame: F) -> None:
        try:
            self._handle(frame)
        except Exception as error:  # one bad frame must not end the thread
            self._report(frame, error)

    def _report(self, frame: F, error: Exception) -> None:
        try:
            self._on_failure(frame, error)
        except Exception:  # nor must a report that fails
            _log.exception("the failure of a frame could not be reported")


def run_on(worker: FrameWorker[Any] | None, function: Callable[[], R]) -> Future[R]:
    """Run a function between two frames of a worker, or now if there is none."""
    if worker is not None:
        return worker.submit(function)
    future: Future[R] = Future()
    _resolve(future, function)
    return future


def _resolve(future: Future[R], function: Callable[[], R]) -> None:
    try:
        future.set_result(function())
    except Exception as error:  # belongs to the caller, who gets it from future.result()
        future.set_exception(error)
