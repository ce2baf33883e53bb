# SPDX-License-Identifier: Apache-2.0
"""How a network is run: what every backend is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vpr_ros.config import PRECISIONS, RUNTIMES
from vpr_ros.errors import BackendError

AUTO = "auto"
CPU = "cpu"

_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]+)?")

Progress = Callable[[str, int, int], None]  # name of a phase, its steps done, its steps
Stop = Callable[[], bool]  # True when nobody wants the result any more


@dataclass(frozen=True)
class Hooks:
    """What a caller wants of a build that takes long: both are called from other threads."""

    progress: Progress | None = None  # is told how far the build is
    stop: Stop | None = None  # is asked now and then whether to give up


NO_HOOKS = Hooks()


@dataclass(frozen=True)
class BackendOptions:
    """The device and how to use it.

    Attributes:
        runtime: one of ``config.RUNTIMES``; ``auto`` for the best that is here.
        device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto`` for a GPU if the runtime can use one.
        precision: of the arithmetic; what comes out is float32 in any case. An exported file has
            its own: only another than fp32 is a demand on it.
        threads: CPU threads of one run, 0 for as many as the library likes.
        input_size: width and height of the network's input, pixels; None for the usual one.
        settings: what differs from the network's default settings.
        cuda_graph: TensorRT alone: start a network by one call instead of kernel by kernel, if
            its shapes are fixed or TensorRT for RTX runs it.
        hooks: TensorRT alone: for building an engine.
    """

    runtime: str = AUTO
    device: str = CPU
    precision: str = "fp32"
    threads: int = 0
    input_size: tuple[int, int] | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    cuda_graph: bool = False
    hooks: Hooks = NO_HOOKS

    def __post_init__(self) -> None:
        for name, choices in (("runtime", RUNTIMES), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise BackendError(
                    f"{name} = {getattr(self, name)!r}: choose one of {', '.join(choices)}"
                )
        if not _DEVICE.fullmatch(self.device):
            raise BackendError(f"device = {self.device!r}: choose auto, cpu, cuda or cuda:N")
        if self.threads < 0:
            raise BackendError(f"threads = {self.threads}: must be at least 0")
        if self.input_size is not None and min(self.input_size) < 1:
            raise BackendError(f"input_size = {self.input_size}: must be positive")
