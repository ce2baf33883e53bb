# SPDX-License-Identifier: Apache-2.0
"""One thread owns the model and the map; the newest frame wins."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

F = TypeVar("F")
R = TypeVar("R")

_log = logging.getLogger(__name__)


class FrameWorker(Generic[F]):
    """Handles frames one at a time, and calls from elsewhere between them.

    A robot wants the answer to what it sees now: while one frame is handled, a newer one replaces
    the one that waits. Frames of several sources wait beside each other and take turns. A frame
    that raises is reported and the thread goes on.
    """

    def __init__(
        self, handle: Callable[[F], None], on_failure: Callable[[F, Exception], None]
    ) -> None:
        self._handle = handle
        self._on_failure = on_failure
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
            pushed_out = source in self._frames
            self._frames[source] = frame
            self._changed.notify()
        return not pushed_out

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
            self._changed.wait_for(lambda: self._calls or self._frames or self._stopping)
            if self._calls:
                return self._calls.popleft()
            if not self._frames:
                return None
            frame = self._frames.pop(next(iter(self._frames)))
        return lambda: self._attempt(frame)

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
