# SPDX-License-Identifier: Apache-2.0
"""How a network is run: what every backend is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vpr_ros.config import PRECISIONS
from vpr_ros.errors import BackendError


@dataclass(frozen=True)
class BackendOptions:
    """The device and how to use it.

    Attributes:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        precision: of the arithmetic; what comes out is float32 in any case.
        threads: CPU threads of one run, 0 for as many as the library likes.
        input_size: width and height of the network's input, pixels; None for the usual one.
        settings: what differs from the network's default settings.
        cuda_graph: TensorRT alone: start a network by one call instead of kernel by kernel, if
            its shapes are fixed or TensorRT for RTX runs it.
    """

    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 0
    input_size: tuple[int, int] | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    cuda_graph: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise BackendError(
                f"precision = {self.precision!r}: choose one of {', '.join(PRECISIONS)}"
            )
        if self.threads < 0:
            raise BackendError(f"threads = {self.threads}: must be at least 0")
        if self.input_size is not None and min(self.input_size) < 1:
            raise BackendError(f"input_size = {self.input_size}: must be positive")
