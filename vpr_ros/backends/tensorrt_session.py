# SPDX-License-Identifier: Apache-2.0
"""An engine on the GPU with all memory that it needs.

Everything here belongs to the thread that made it: TensorRT's contexts allow one thread at a time,
and CUDA remembers the device in use for each thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpr_ros.backends.base import Arrays
from vpr_ros.backends.cuda_device import Buffer, Recording, Stream, free_memory
from vpr_ros.backends.tensorrt_library import TensorRt, cause_of, make_logger, uncollected
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


class Session:
    """Runs one engine again and again without allocating anything."""

    ports: dict[str, Port]
    graph: bool  # whether a run is one call, a CUDA graph

    def __init__(self, library: TensorRt, path: Path, plan: bytes, cuda_graph: bool) -> None:
        """Load an engine, allocate for its largest shapes, and run it once to warm up.

        Args:
            library: the TensorRT that built it.
            path: the file that it comes from, for messages.
            plan: the engine as TensorRT serialized it.
            cuda_graph: start the whole network by one call instead of kernel by kernel, if its
                shapes are fixed or TensorRT for RTX runs it.

        Raises:
            BackendError: TensorRT refuses the engine, or the GPU is out of memory.
        """
        self._path, self._logger = path, make_logger(library)
        with uncollected():
            self._runtime = library.module.Runtime(self._logger)
        self._engine = self._made(self._runtime.deserialize_cuda_engine(plan), "loading the engine")
        self.ports = ports_of(library, self._engine)
        self._inputs = {name: port for name, port in self.ports.items() if port.is_input}
        self._outputs = [name for name in self.ports if name not in self._inputs]
        self.graph = cuda_graph and (
            library.is_rtx or all(port.is_fixed for port in self.ports.values())
        )
        self._recording: Recording | None = None
        self._context = self._made(self._new_context(library), "making a context")
        with ExitStack() as undo:
            self._stream = Stream()
            undo.callback(self._stream.close)
            self._buffers = self._allocated(undo)
            self._warm_up()
            if self.graph and not library.is_rtx:
                shapes = {name: port.largest for name, port in self._inputs.items()}
                self._recording = Recording(self._stream, lambda: self._enqueue(shapes))
                undo.callback(self._recording.close)
            self._close = undo.pop_all().close

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Compute the outputs, float32, of inputs that ``check_inputs`` has passed."""
        self._logger.errors.clear()
        for name, array in inputs.items():
            np.copyto(self._buffers[name].host(array.shape), array, casting="same_kind")
        if self._recording is not None:
            self._recording.start(self._stream)
        else:
            self._enqueue({name: array.shape for name, array in inputs.items()})
        self._stream.wait()
        # Copies: the next run writes over the buffers.
        return {
            name: self._buffers[name].host(self._shape(name)).astype(np.float32)
            for name in self._outputs
        }

    def close(self) -> None:
        """Give all memory back; the session is of no use afterwards."""
        self._close()
        del self._context, self._engine, self._runtime

    def _enqueue(self, shapes: Mapping[str, Shape]) -> None:
        """Put copies to the GPU, the network and copies to the host on the stream."""
        self._set_shapes(shapes)
        for name, shape in shapes.items():
            self._buffers[name].to_gpu(shape, self._stream)
        if not self._context.execute_async_v3(int(self._stream.handle)):
            raise BackendError(f"running the engine: {cause_of(self._logger)}")
        for name in self._outputs:
            self._buffers[name].to_host(self._shape(name), self._stream)

    def _allocated(self, undo: ExitStack) -> dict[str, Buffer]:
        self._set_shapes({name: port.largest for name, port in self._inputs.items()})
        buffers = {}
        for name, port in self.ports.items():
            shape = port.largest if port.is_input else self._shape(name)
            buffers[name] = Buffer(name, shape, port.dtype)
            undo.callback(buffers[name].close)
            if not self._context.set_tensor_address(name, buffers[name].address):
                raise BackendError(f"{name}: {cause_of(self._logger)}")
        return buffers

    def _warm_up(self) -> None:
        """Let TensorRT do what it does in the first run, and see that memory suffices."""
        inputs = self._inputs.items()
        self.run({name: np.zeros(port.largest, port.dtype) for name, port in inputs})
        self.run({name: np.zeros(port.usual, port.dtype) for name, port in inputs})

    def _set_shapes(self, shapes: Mapping[str, Shape]) -> None:
        for name, shape in shapes.items():
            if not self._context.set_input_shape(name, shape):
                raise BackendError(f"{name} {list(shape)}: {cause_of(self._logger)}")

    def _shape(self, name: str) -> Shape:
        """The shape that an output has for the inputs' present shapes."""
        shape = tuple(self._context.get_tensor_shape(name))
        if min(shape, default=0) < 0:
            raise BackendError(f"{name} has no shape before it is computed: export it with one")
        return shape

    def _new_context(self, library: TensorRt) -> Any:
        if not (self.graph and library.is_rtx):
            return self._engine.create_execution_context()
        # TensorRT for RTX records graphs by itself, also for shapes that change.
        config = self._engine.create_runtime_config()
        config.cuda_graph_strategy = library.module.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        return self._engine.create_execution_context(config)

    def _made(self, value: Any, doing: str) -> Any:
        """What TensorRT made; it gives None where it could not, for want of memory above all."""
        if value is None:
            raise BackendError(
                f"{self._path}: {doing}: {cause_of(self._logger)}{free_memory()}: build it again, "
                "or stop other programs on the GPU"
            )
        return value


def ports_of(library: TensorRt, engine: Any) -> dict[str, Port]:
    """The inputs and outputs of an engine; BackendError for types that numpy does not know."""
    names = map(engine.get_tensor_name, range(engine.num_io_tensors))
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
    """Raise BackendError where inputs are missing, unknown, or not what the engine takes."""
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
