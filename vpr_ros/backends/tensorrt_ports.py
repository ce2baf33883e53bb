# SPDX-License-Identifier: Apache-2.0
"""What goes into an engine and comes out of it: names, types and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.backends.tensorrt_library import TensorRt
from vpr_ros.errors import BackendError

Shape = tuple[int, ...]

_ANY = -1  # TensorRT's size of an axis that has a range
_TYPES: dict[str, type[np.generic]] = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT32": np.int32,
    "INT64": np.int64,
}


@dataclass(frozen=True)
class Port:
    """One input or output of an engine."""

    is_input: bool
    dtype: type[np.generic]
    usual: Shape  # of an input; an output whose shape follows from the inputs has -1 in it
    smallest: Shape
    largest: Shape

    @property
    def is_fixed(self) -> bool:
        """Whether it has one shape only."""
        return self.smallest == self.largest and _ANY not in self.largest


def ports_of(library: TensorRt, engine: Any) -> dict[str, Port]:
    """The inputs and outputs of an engine.

    Raises:
        BackendError: one has a type that numpy does not know.
    """
    names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
    return {name: _port(library, engine, name) for name in names}


def _port(library: TensorRt, engine: Any, name: str) -> Port:
    kind = engine.get_tensor_dtype(name).name
    if kind not in _TYPES:
        raise BackendError(
            f"{name} is of type {kind}: export the model with inputs and outputs of type "
            f"{', '.join(_TYPES)}"
        )
    is_input = engine.get_tensor_mode(name) == library.module.TensorIOMode.INPUT
    shape = tuple(engine.get_tensor_shape(name))
    shapes = [shape] * 3
    if is_input and _ANY in shape:
        shapes = [tuple(each) for each in engine.get_tensor_profile_shape(name, 0)]
    smallest, usual, largest = shapes
    return Port(is_input, _TYPES[kind], usual, smallest, largest)


def check_inputs(ports: Mapping[str, Port], inputs: Mapping[str, NDArray[Any]]) -> None:
    """Refuse inputs that the engine cannot take.

    Raises:
        BackendError: one is missing, unknown, not of numbers, or of a shape that the engine was
            not built for.
    """
    wanted = [name for name, port in ports.items() if port.is_input]
    if sorted(inputs) != sorted(wanted):
        raise BackendError(
            f"inputs are {', '.join(inputs) or 'none'}: the engine takes {', '.join(wanted)}"
        )
    for name, array in inputs.items():
        _check_input(name, ports[name], array)


def _check_input(name: str, port: Port, array: NDArray[Any]) -> None:
    if not np.can_cast(array.dtype, port.dtype, casting="same_kind"):
        raise BackendError(
            f"{name} is of type {array.dtype}: the engine takes {np.dtype(port.dtype)}"
        )
    sizes = zip(port.smallest, array.shape, port.largest, strict=False)
    fits = all(least <= size <= most for least, size, most in sizes)
    if array.ndim != len(port.largest) or not fits:
        least, most = list(port.smallest), list(port.largest)
        span = str(most) if port.is_fixed else f"{least} to {most}"
        raise BackendError(f"{name} has shape {list(array.shape)}: the engine was built for {span}")
