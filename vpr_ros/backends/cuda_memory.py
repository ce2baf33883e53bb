# SPDX-License-Identifier: Apache-2.0
"""Memory of the GPU and of the host that it can reach, and the order of work on them."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from cuda.bindings import runtime
from numpy.typing import DTypeLike, NDArray

from vpr_ros.backends.cuda_device import MIB, check
from vpr_ros.errors import BackendError


class Stream:
    """An order of work for the GPU."""

    def __init__(self) -> None:
        """Make one that waits for no other.

        Raises:
            BackendError: CUDA failed.
        """
        flags = runtime.cudaStreamNonBlocking
        self.handle = check(runtime.cudaStreamCreateWithFlags(flags), "making a CUDA stream")

    def wait(self) -> None:
        """Until all work is done.

        Raises:
            BackendError: some of the work failed.
        """
        check(runtime.cudaStreamSynchronize(self.handle), "running the engine")

    def close(self) -> None:
        """Give the stream back."""
        runtime.cudaStreamDestroy(self.handle)


class Buffer:
    """A tensor's place on the GPU, and its twin in pinned memory of the host.

    Only from pinned memory does a copy run while the host goes on.
    """

    def __init__(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Allocate both for a tensor of this shape, or smaller.

        Raises:
            BackendError: there is not enough memory.
        """
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
        """Record what ``work()`` puts on the stream; nothing of it runs.

        Raises:
            BackendError: the work cannot be recorded.
        """
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
        """Put the recorded work on a stream.

        Raises:
            BackendError: CUDA failed.
        """
        check(runtime.cudaGraphLaunch(self._graph, stream.handle), "starting a CUDA graph")

    def close(self) -> None:
        """Give the graph back."""
        runtime.cudaGraphExecDestroy(self._graph)
