# SPDX-License-Identifier: Apache-2.0
"""The GPU through cuda-python: finding it, its memory, and the order of work on it.

Whatever fails becomes a ``BackendError`` of one line.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from cuda.bindings import runtime
from numpy.typing import DTypeLike, NDArray

from vpr_ros.backends.engine_file import Gpu
from vpr_ros.backends.options import CPU
from vpr_ros.errors import BackendError, UnavailableError

MIB = 1 << 20


def check(result: tuple[Any, ...], doing: str) -> Any:
    """The value of a call of cuda-python after its error code; BackendError for any error."""
    error, *values = result
    if error == runtime.cudaError_t.cudaErrorMemoryAllocation:
        raise BackendError(f"{doing}: out of memory{free_memory()}: stop other programs")
    if error != runtime.cudaError_t.cudaSuccess:
        raise BackendError(f"{doing}: CUDA says {_text(error)} ({error.name})")
    return values[0] if values else None


def index_of(device: str) -> int:
    """The number of the GPU in ``cuda:N``, 0 in ``cuda`` and ``auto``; BackendError for the CPU."""
    if device == CPU:
        raise BackendError("device = 'cpu': TensorRT runs on GPUs only: say cuda, cuda:N or auto")
    return int(device.partition(":")[2] or 0)


def find_gpu(index: int) -> Gpu:
    """Make a GPU the one that this thread works on.

    Args:
        index: which one, counted from 0 as CUDA does.

    Raises:
        BackendError: there is none, or not this one, or the driver is missing or too old.
    """
    count = _count()
    if index >= count:
        raise BackendError(f"device = 'cuda:{index}': there are {count} GPUs, counted from cuda:0")
    check(runtime.cudaSetDevice(index), f"device = 'cuda:{index}'")
    found = check(runtime.cudaGetDeviceProperties(index), f"device = 'cuda:{index}'")
    name = bytes(found.name).split(b"\0")[0].decode(errors="replace")
    return Gpu(name, f"{found.major}.{found.minor}")


def _count() -> int:
    error, count = runtime.cudaGetDeviceCount()
    if error == runtime.cudaError_t.cudaSuccess and count:
        return int(count)
    codes = runtime.cudaError_t
    if error not in (codes.cudaSuccess, codes.cudaErrorNoDevice, codes.cudaErrorInsufficientDriver):
        raise BackendError(f"no GPU can be used: CUDA says {_text(error)} ({error.name})")
    driver = _version(runtime.cudaDriverGetVersion())
    if not driver:
        raise UnavailableError("no NVIDIA driver is installed: TensorRT runs on an NVIDIA GPU")
    if error == codes.cudaErrorInsufficientDriver:
        raise UnavailableError(
            f"the NVIDIA driver is too old (CUDA {driver}, cuda-python wants "
            f"{_version(runtime.cudaRuntimeGetVersion())}): update it, or install an older "
            "cuda-python"
        )
    raise UnavailableError("there is no NVIDIA GPU here: TensorRT engines run on one only")


def _version(result: tuple[Any, ...]) -> str:
    """CUDA's 12060 as 12.6; empty for 0, which says that there is no driver."""
    number = int(check(result, "asking for versions"))
    return f"{number // 1000}.{number % 1000 // 10}" if number else ""


def free_memory() -> str:
    """What is free on this thread's GPU, to be put into a sentence; empty if CUDA does not say."""
    error, free, total = runtime.cudaMemGetInfo()
    if error != runtime.cudaError_t.cudaSuccess:
        return ""
    return f" ({int(free) // MIB} of the GPU's {int(total) // MIB} MiB are free)"


def _text(error: Any) -> str:
    _, text = runtime.cudaGetErrorString(error)
    return bytes(text).decode(errors="replace")


class Stream:
    """An order of work for the GPU."""

    def __init__(self) -> None:
        """Make one that waits for no other."""
        flags = runtime.cudaStreamNonBlocking
        self.handle = check(runtime.cudaStreamCreateWithFlags(flags), "making a CUDA stream")

    def wait(self) -> None:
        """Until all work is done."""
        check(runtime.cudaStreamSynchronize(self.handle), "running the engine")

    def close(self) -> None:
        """Give the stream back."""
        runtime.cudaStreamDestroy(self.handle)


class Buffer:
    """A tensor's place on the GPU, and its twin in pinned memory of the host.

    Only from pinned memory does a copy run while the host goes on.
    """

    def __init__(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Allocate both for a tensor of this shape, or smaller."""
        self._dtype = np.dtype(dtype)
        size = self._bytes(shape)
        doing = f"{name} {list(shape)}, {size / MIB:.1f} MiB"
        self.address = int(check(runtime.cudaMalloc(size), doing))
        try:
            allocated = runtime.cudaHostAlloc(size, runtime.cudaHostAllocDefault)
            self._host_address = int(check(allocated, f"{doing} of pinned host memory"))
        except BackendError:
            runtime.cudaFree(self.address)
            raise
        self._host = np.ctypeslib.as_array((ctypes.c_byte * size).from_address(self._host_address))

    def host(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """The host's twin as an array of a shape; valid until ``close``."""
        return self._host[: self._bytes(shape)].view(self._dtype).reshape(shape)

    def to_gpu(self, shape: tuple[int, ...], stream: Stream) -> None:
        """Copy what the host's twin holds, once the stream comes to it."""
        kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._copy(self.address, self._host_address, shape, stream, kind)

    def to_host(self, shape: tuple[int, ...], stream: Stream) -> None:
        """Copy what the GPU holds, once the stream comes to it."""
        kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._copy(self._host_address, self.address, shape, stream, kind)

    def _copy(
        self, target: int, source: int, shape: tuple[int, ...], stream: Stream, kind: Any
    ) -> None:
        result = runtime.cudaMemcpyAsync(target, source, self._bytes(shape), kind, stream.handle)
        check(result, f"copying {list(shape)}")

    def _bytes(self, shape: tuple[int, ...]) -> int:
        return math.prod(shape) * self._dtype.itemsize

    def close(self) -> None:
        """Give the memory back."""
        runtime.cudaFree(self.address)
        runtime.cudaFreeHost(self._host_address)


class Recording:
    """Work that was recorded as a CUDA graph and can be started by one call."""

    def __init__(self, stream: Stream, work: Callable[[], None]) -> None:
        """Record what ``work()`` puts on the stream; nothing of it runs."""
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        check(runtime.cudaStreamBeginCapture(stream.handle, mode), "recording a CUDA graph")
        try:
            work()
        finally:  # also after a failure, or the stream could never be used again
            ended = runtime.cudaStreamEndCapture(stream.handle)
        graph = check(ended, "recording a CUDA graph")
        made = runtime.cudaGraphInstantiate(graph, 0)
        runtime.cudaGraphDestroy(graph)
        self._graph = check(made, "making a CUDA graph")

    def start(self, stream: Stream) -> None:
        """Put the recorded work on a stream."""
        check(runtime.cudaGraphLaunch(self._graph, stream.handle), "starting a CUDA graph")

    def close(self) -> None:
        """Give the graph back."""
        runtime.cudaGraphExecDestroy(self._graph)
