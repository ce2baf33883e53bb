# SPDX-License-Identifier: Apache-2.0
"""One lifecycle node as a process of its own, driven through its states by its services."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from vpr_ros.errors import VprError

ParameterValue: TypeAlias = bool | int | float | str | tuple[str, ...]

_TAIL_LINES = 15  # of the node's output, in error messages
_SLICE = 0.1  # seconds between two looks whether the process still lives
_LOST_S = 20.0  # seconds of silence after which a request may have been lost
# How the process is asked to end, and the seconds it gets for it; then it is killed.
_PATIENCE = ((signal.SIGINT, 10.0), (signal.SIGTERM, 3.0))
_SHUTDOWN = {
    State.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_INACTIVE_SHUTDOWN,
    State.PRIMARY_STATE_ACTIVE: Transition.TRANSITION_ACTIVE_SHUTDOWN,
}


class NodeProcessError(VprError):
    """A node's process died, does not answer, or refused a transition."""


@dataclass(frozen=True)
class NodeCommand:
    """What to start and how."""

    module: str  # as in python -m
    name: str  # of the node
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> list[str]:
        """The command line."""
        words = [sys.executable, "-u", "-m", self.module, "--ros-args"]
        words += ["-r", f"__node:={self.name}"]
        for name, value in self.parameters.items():
            # JSON is YAML, and its quotes keep the string "1" one.
            words += ["-p", f"{name}:={json.dumps(value, ensure_ascii=False)}"]
        for source, target in self.remappings.items():
            words += ["-r", f"{source}:={target}"]
        return words


class LifecycleProcess:
    """Starts the node on entering a ``with`` block; on leaving it the process is gone for sure.

    ``rclpy.init`` must have been called. Calls block, with a time limit.
    """

    def __init__(self, command: NodeCommand, log: Path, timeout: float = 30.0) -> None:
        """Prepare, start nothing yet; starting and each transition may take ``timeout`` seconds."""
        self.name = command.name
        self.log = log
        self._command = command
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LifecycleProcess:
        self._node = Node(f"{self.name}_driver_{os.getpid()}", start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._change = self._node.create_client(ChangeState, f"/{self.name}/change_state")
        self._get = self._node.create_client(GetState, f"/{self.name}/get_state")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            # A session of its own: Ctrl-C goes to the one who drives, who then ends the node.
            self._process = subprocess.Popen(
                self._command.words(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end()
        finally:
            self._executor.shutdown()
            self._node.destroy_node()

    @property
    def pid(self) -> int:
        """Number of the running process."""
        assert self._process is not None
        return self._process.pid

    def configure(self) -> None:
        """To inactive: load the model, open the map. Raises NodeProcessError if it fails."""
        self._transition(Transition.TRANSITION_CONFIGURE, "configure")

    def activate(self) -> None:
        """To active: take images. Raises NodeProcessError if it fails."""
        self._transition(Transition.TRANSITION_ACTIVATE, "activate")

    def deactivate(self) -> None:
        """Back to inactive. Raises NodeProcessError if it fails."""
        self._transition(Transition.TRANSITION_DEACTIVATE, "deactivate")

    def cleanup(self) -> None:
        """Back to unconfigured. Raises NodeProcessError if it fails."""
        self._transition(Transition.TRANSITION_CLEANUP, "clean up")

    def shutdown(self) -> None:
        """To finalized, from whatever state. Raises NodeProcessError if it fails."""
        state = self.state_id()
        if state not in _SHUTDOWN:
            raise NodeProcessError(f"{self.name} cannot shut down from state {state}")
        self._transition(_SHUTDOWN[state], "shut down")

    def state_id(self) -> int:
        """The primary state, a number of lifecycle_msgs/State. Raises NodeProcessError."""
        return int(self._state().id)

    def state(self) -> str:
        """The primary state's label, as in "inactive". Raises NodeProcessError."""
        return str(self._state().label)

    def request(self, kind: Any, service: str, request: Any) -> Any:
        """Call one of the node's own services; NodeProcessError if it does not answer in time."""
        what, end = f"answer {service}", time.monotonic() + self._timeout
        client = self._node.create_client(kind, f"/{self.name}/{service}")
        try:
            answer = self._answer(client, request, what, end)
        finally:
            self._node.destroy_client(client)
        if answer is None:
            self._check(0.0, what)
        return answer

    def _answer(self, client: Any, request: Any, what: str, end: float) -> Any:
        """The service's answer, or None if there was none by then."""
        while not client.wait_for_service(timeout_sec=_SLICE):
            self._check(end, what)
        future = client.call_async(request)
        while not future.done() and time.monotonic() < end:
            self._executor.spin_until_future_complete(future, timeout_sec=_SLICE)
            if not future.done():
                self._check(math.inf, what)
        return future.result() if future.done() else None

    def tail(self) -> str:
        """The last lines that the process wrote."""
        lines = self.log.read_text("utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _state(self) -> State:
        """Asked again and again: it does no harm, and a request may be lost."""
        end, what = time.monotonic() + self._timeout, "tell its state"
        answer = None
        while answer is None:
            self._check(end, what)
            until = time.monotonic() + _LOST_S
            answer = self._answer(self._get, GetState.Request(), what, until)
        return answer.current_state

    def _transition(self, number: int, what: str) -> None:
        """Ask for a transition; once more if the middleware lost the request.

        A service is there as soon as DDS tells of it, and may yet miss a request that comes in the
        same instant. Its state, which a busy node tells when it is done, says whether it did.
        """
        request, before = ChangeState.Request(transition=Transition(id=number)), self.state_id()
        end = time.monotonic() + self._timeout
        answer = None
        while answer is None:
            self._check(end, what)
            answer = self._answer(self._change, request, what, time.monotonic() + _LOST_S)
            if answer is None and self.state_id() != before:
                return  # it was the answer that was lost
        if not answer.success:
            raise NodeProcessError(self._explained(f"{self.name} did not {what}"))

    def _check(self, end: float, what: str) -> None:
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            text = f"{self.name} ended with exit code {code} before it could {what}"
            raise NodeProcessError(self._explained(text))
        if time.monotonic() > end:
            text = f"{self.name} did not {what} within {self._timeout:g} s"
            raise NodeProcessError(self._explained(text))

    def _explained(self, text: str) -> str:
        return f"{text}; the end of {self.log}:\n{self.tail()}"

    def _end(self) -> None:
        """Ask politely, then insist; whatever the process started goes with it."""
        process = self._process
        if process is None:
            return
        for number, patience in _PATIENCE:
            if process.poll() is not None:
                break
            process.send_signal(number)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
