# SPDX-License-Identifier: Apache-2.0
"""How far TensorRT is with building an engine, and stopping it."""

from __future__ import annotations

import logging
import time
from typing import Any

from vpr_ros.backends.options import Hooks
from vpr_ros.backends.tensorrt_library import TensorRt
from vpr_ros.errors import BackendError

_log = logging.getLogger(__name__)


class LoggedProgress:
    """Logs how far a build is, every few seconds: nobody should think that it hangs."""

    def __init__(self, every_s: float = 5.0) -> None:
        self._every_s = every_s
        self._last = time.monotonic()

    def __call__(self, phase: str, done: int, steps: int) -> None:
        """Take note of one step."""
        now = time.monotonic()
        if now - self._last >= self._every_s:
            self._last = now
            _log.info("%s: %d of %d steps", phase, done, steps)


class BuildWatch:
    """Passes on what TensorRT's threads report, and remembers why a build was stopped.

    TensorRT asks whether to go on after each step, of which the longest take seconds to minutes.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._steps: dict[str, int] = {}
        self._failure: BaseException | None = None
        self._stopped = False

    def start(self, phase: str, steps: int) -> None:
        """A phase begins."""
        self._steps[phase] = steps  # names are unique among the phases that run
        self._tell(phase, 0, steps)

    def step(self, phase: str, step: int) -> bool:
        """A step, counted from 0, is done; False if the build shall end."""
        self._tell(phase, step + 1, self._steps.get(phase, step + 1))
        return not self._stopped

    def finish(self, phase: str) -> None:
        """A phase is over, often without having reported its last steps."""
        steps = self._steps.pop(phase, 0)
        if not self._stopped:
            self._tell(phase, steps, steps)

    def raise_if_stopped(self) -> None:
        """End what asked for the engine, if it was stopped.

        Raises:
            BackendError: it was stopped.
            BaseException: whatever the caller's own functions raised meanwhile.
        """
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            raise BackendError("building the TensorRT engine was cancelled: nothing was written")

    def _tell(self, phase: str, done: int, steps: int) -> None:
        """Call the caller's functions: an exception must not reach TensorRT, which would abort."""
        try:
            if self._hooks.progress is not None:
                self._hooks.progress(phase, done, steps)
            stop = self._hooks.stop
            self._stopped = self._stopped or (stop is not None and stop())
        except BaseException as error:
            self._failure, self._stopped = error, True


def make_monitor(library: TensorRt, watch: BuildWatch) -> Any:
    """The object that TensorRT reports to; it must outlive the builder."""

    class Monitor(library.module.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()

        def phase_start(self, phase_name: str, parent_phase: str, num_steps: int) -> None:
            watch.start(phase_name, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return watch.step(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            watch.finish(phase_name)

    return Monitor()
