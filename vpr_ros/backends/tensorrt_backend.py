# SPDX-License-Identifier: Apache-2.0
"""TensorRT: the backend that runs engines on an NVIDIA GPU."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from vpr_ros.backends.base import Arrays
from vpr_ros.backends.cuda_device import find_gpu, index_of
from vpr_ros.backends.engine_cache import EngineRequest, cached_engine
from vpr_ros.backends.engine_file import ENGINE, Engine, check_fits, read_engine
from vpr_ros.backends.exported import as_asked, read_exported, spec_beside
from vpr_ros.backends.options import BackendOptions
from vpr_ros.backends.sidecar import Ports
from vpr_ros.backends.tensorrt_engine import OnnxFile
from vpr_ros.backends.tensorrt_library import TensorRt, find_tensorrt
from vpr_ros.backends.tensorrt_session import Session, check_inputs

_T = TypeVar("_T")


class _GpuThread:
    """The one thread that works on a GPU, for one engine."""

    def __init__(self, index: int) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="tensorrt")
        self.index = index
        try:
            self.gpu = self.run(find_gpu, index)
        except BaseException:
            self.close()
            raise

    def run(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Wait until the thread has done this; other threads' work waits for its turn."""
        return self._executor.submit(work, *arguments).result()

    def finish(self, work: Callable[[], None]) -> None:
        """Let the thread do this and end, without waiting: the garbage collector may call this."""
        self._executor.submit(work)
        self._executor.shutdown(wait=False)

    def close(self) -> None:
        """Wait until the thread has ended."""
        self._executor.shutdown()


class TensorRtBackend:
    """One engine on one GPU; any thread may run it, and runs wait for each other."""

    def __init__(
        self, thread: _GpuThread, library: TensorRt, path: Path, engine: Engine, cuda_graph: bool
    ) -> None:
        """Load an engine that fits; BackendError if TensorRT refuses it, or has no room."""
        self._thread = thread
        self._session = thread.run(Session, library, path, engine.plan, cuda_graph)
        self.spec = replace(engine.spec, runtime=f"{library.name} {library.version}")
        self._ports = Ports(engine.spec)
        self.device = f"cuda:{thread.index}"
        where = f"{library.name} {library.version} on {thread.gpu.name}"
        graph = ", CUDA graph" if self._session.graph else ""
        self.description = f"{where}, {engine.spec.precision}{graph}"
        self._finish = weakref.finalize(self, thread.finish, self._session.close)
        self._finish.atexit = False  # the end of the process frees everything, and threads are gone

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Compute the network's outputs, float32 and in the CPU's memory, as ``Backend`` does."""
        given = self._ports.given(inputs)
        check_inputs(self._session.ports, given)
        return self._ports.taken(self._thread.run(self._session.run, given))

    def close(self) -> None:
        """Give the GPU's memory back; otherwise that happens when nobody refers to this."""
        self._finish()
        self._thread.close()


def opened(path: Path, network: str, options: BackendOptions) -> TensorRtBackend:
    """Run an engine that the user names, or the engine of an ONNX file.

    As ``open_backend`` does; a JSON file must stand beside either. The engine of an ONNX file is
    taken from the cache, or built and kept there.
    """
    way = _engine if path.suffix == ENGINE else _onnx
    return way(path, network, options)


def _engine(path: Path, network: str, options: BackendOptions) -> TensorRtBackend:
    index = index_of(options.device)
    engine = read_engine(path)
    engine = replace(engine, spec=as_asked(path, engine.spec, network, options))
    library = find_tensorrt(engine.key.library)
    thread = _GpuThread(index)
    try:
        check_fits(path, engine.key, library.name, library.version, thread.gpu)
        return TensorRtBackend(thread, library, path, engine, options.cuda_graph)
    except BaseException:
        thread.close()
        raise


def _onnx(path: Path, network: str, options: BackendOptions) -> TensorRtBackend:
    index = index_of(options.device)
    content = read_exported(path)
    exported = spec_beside(path, content)
    spec = as_asked(path, exported, network, options)
    library = find_tensorrt()
    thread, given_up = _GpuThread(index), threading.Event()
    stop = options.hooks.stop

    def unwanted() -> bool:
        return given_up.is_set() or (stop is not None and stop())

    try:
        request = EngineRequest(OnnxFile(path, content), exported, library, thread.gpu)
        # On that thread: TensorRT builds for the GPU that the thread works on.
        hooks = replace(options.hooks, stop=unwanted)
        engine = replace(thread.run(cached_engine, request, None, hooks), spec=spec)
        return TensorRtBackend(thread, library, path, engine, options.cuda_graph)
    except BaseException:
        given_up.set()  # or Ctrl-C would wait for the end of the build
        thread.close()
        raise
