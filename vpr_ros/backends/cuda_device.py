# SPDX-License-Identifier: Apache-2.0
"""Finding the GPU through cuda-python, whose errors become one ``BackendError`` line each."""

from __future__ import annotations

from typing import Any

from cuda.bindings import runtime

from vpr_ros.backends.engine_file import Gpu
from vpr_ros.backends.options import CPU
from vpr_ros.errors import BackendError, UnavailableError

MIB = 1 << 20


def check(result: tuple[Any, ...], doing: str) -> Any:
    """The value of a call of cuda-python, which returns an error code before it.

    Raises:
        BackendError: the call failed.
    """
    error, *values = result
    if error == runtime.cudaError_t.cudaErrorMemoryAllocation:
        raise BackendError(f"{doing}: out of memory{free_memory()}: stop other programs")
    if error != runtime.cudaError_t.cudaSuccess:
        raise BackendError(f"{doing}: CUDA says {_text(error)} ({error.name})")
    return values[0] if values else None


def index_of(device: str) -> int:
    """The number of the GPU that options name: ``cuda:N``, or ``cuda`` or ``auto`` for the first.

    Raises:
        BackendError: they name the CPU.
    """
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
