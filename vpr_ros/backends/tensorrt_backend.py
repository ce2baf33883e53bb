# SPDX-License-Identifier: Apache-2.0
"""TensorRT: the backend that runs engines on an NVIDIA GPU."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from vpr_ros.backends.base import Arrays
from vpr_ros.backends.cuda_device import find_gpu, index_of
from vpr_ros.backends.engine_cache import EngineRequest, cached_engine
from vpr_ros.backends.engine_file import Engine, check_fits, read_engine
from vpr_ros.backends.options import BackendOptions
from vpr_ros.backends.tensorrt_engine import BuildOptions, OnnxFile
from vpr_ros.backends.tensorrt_library import TensorRt, find_tensorrt
from vpr_ros.backends.tensorrt_ports import check_inputs
from vpr_ros.backends.tensorrt_progress import Progress, Stop
from vpr_ros.backends.tensorrt_session import Session
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError

_T = TypeVar("_T")


class _GpuThread:
    """The one thread that works on a GPU, for one engine."""

    def __init__(self, index: int) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="tensorrt")
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
        self,
        thread: _GpuThread,
        library: TensorRt,
        path: Path,
        engine: Engine,
        cuda_graph: bool,
    ) -> None:
        """Load an engine that fits; see ``open_engine`` and ``build_and_open``.

        Raises:
            BackendError: TensorRT refuses the engine, or the GPU is out of memory.
        """
        self._thread = thread
        self._session = thread.run(Session, library, path, engine.plan, cuda_graph)
        self.spec = engine.spec
        where = f"{library.name} {library.version} on {thread.gpu.name}"
        graph = ", CUDA graph" if self._session.graph else ""
        self.description = f"{where}, {engine.spec.precision}{graph}"
        self._finish = weakref.finalize(self, thread.finish, self._session.close)
        self._finish.atexit = False  # the end of the process frees everything, and threads are gone

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Compute the network's outputs, float32 and in the CPU's memory.

        Args:
            inputs: arrays by the names of the network's inputs.

        Raises:
            BackendError: the GPU failed, or inputs are missing or of the wrong shape.
        """
        check_inputs(self._session.ports, inputs)
        return self._thread.run(self._session.run, inputs)

    def close(self) -> None:
        """Give the GPU's memory back; otherwise that happens when nobody refers to this."""
        self._finish()
        self._thread.close()


def open_engine(path: Path, network: str, options: BackendOptions) -> TensorRtBackend:
    """Run an engine that the user names, whose JSON file must stand beside it.

    Args:
        path: the engine.
        network: the name of the network that it must hold; empty for any.
        options: the GPU; precision, settings and input size are the engine's own.

    Raises:
        BackendError: the engine is missing, damaged, or not for this TensorRT and this GPU; or
            there is no GPU, or it is out of memory.
    """
    index = index_of(options.device)
    engine = read_engine(path)
    _check_asked(path, engine.spec, network, options)
    library = find_tensorrt(engine.key.library)
    thread = _GpuThread(index)
    try:
        check_fits(path, engine.key, library.name, library.version, thread.gpu)
        return TensorRtBackend(thread, library, path, engine, options.cuda_graph)
    except BaseException:
        thread.close()
        raise


def build_and_open(
    path: Path,
    spec: ModelSpec,
    options: BackendOptions,
    build: BuildOptions | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> TensorRtBackend:
    """Run an ONNX file by an engine from the cache, which is built first if it is not there.

    Args:
        path: the ONNX file, which holds its own weights.
        spec: of the network in it.
        options: the GPU; precision and input size are the file's own.
        build: what the engine is built for, besides this GPU.
        progress: is told, from other threads, how far a build is.
        stop: is asked during a build whether to give up.

    Raises:
        BackendError: the engine cannot be built or kept, or the caller stopped that; or there is
            no GPU, or it is out of memory.
    """
    index = index_of(options.device)
    _check_asked(path, spec, spec.method, options)
    onnx, library = OnnxFile.read(path), find_tensorrt()
    thread, given_up = _GpuThread(index), threading.Event()

    def unwanted() -> bool:
        return given_up.is_set() or (stop is not None and stop())

    try:
        request = EngineRequest(onnx, spec, library, thread.gpu, build or BuildOptions())
        # On that thread: TensorRT builds for the GPU that the thread works on.
        engine = thread.run(cached_engine, request, None, progress, unwanted)
        return TensorRtBackend(thread, library, path, engine, options.cuda_graph)
    except BaseException:
        given_up.set()  # or Ctrl-C would wait for the end of the build
        thread.close()
        raise


def _check_asked(path: Path, spec: ModelSpec, network: str, options: BackendOptions) -> None:
    """Refuse wishes that came too late: an exported network can no longer be changed."""
    if network not in ("", spec.method):
        raise BackendError(f"{path} holds {spec.method}, not {network}: name a file of {network}")
    size = (spec.input_width, spec.input_height)
    if options.input_size not in (None, size):
        raise BackendError(
            f"input_size = {options.input_size}: {path} was exported for {size}: "
            "ask for that size, or export the model again"
        )
