# SPDX-License-Identifier: Apache-2.0
"""Running networks: the file's suffix says which libraries can do it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from vpr_ros.backends.base import Backend
from vpr_ros.backends.choice import ONNXRUNTIME, PYTORCH, SUFFIXES, TENSORRT, choose
from vpr_ros.backends.options import BackendOptions
from vpr_ros.errors import UnavailableError

__all__ = ["SUFFIXES", "Backend", "BackendOptions", "open_backend"]

# Runtime -> module with the function ``opened``, what people call the library, and what brings it.
_OPENERS = {
    TENSORRT: ("tensorrt_backend", "cuda-python", "cuda-bindings"),
    ONNXRUNTIME: ("onnx_backend", "ONNX Runtime", "onnxruntime, or onnxruntime-gpu"),
    PYTORCH: ("torch_backend", "PyTorch", "torch torchvision timm safetensors"),
}


def open_backend(path: Path, network: str = "", options: BackendOptions | None = None) -> Backend:
    """Load a network onto a device.

    Args:
        path: ``.onnx`` for ONNX Runtime or TensorRT, ``.engine`` for TensorRT, ``.pth``, ``.pt`` or
            ``.safetensors`` for PyTorch; without suffix for the best of those that
            stand there under this name.
        network: its name in ``vpr_ros.models``; empty for the only one that the file fits.
        options: the runtime, the device and how to use it; by default fp32 on the CPU.

    Raises:
        BackendError: the library or the device is not there, or failed.
        WeightsError: the file cannot be read, or does not fit.
        ConfigError: the network, or one of its settings, is unknown, or the file was exported for
            others, or is not for this runtime.
    """
    options = options or BackendOptions()
    choice = choose(path, options)
    module, library, wheels = _OPENERS[choice.runtime]
    try:
        opener = import_module(f"vpr_ros.backends.{module}")
    except ImportError as error:
        raise UnavailableError(
            f"{choice.path} needs {library} ({error}): pip install {wheels}"
        ) from error
    backend: Backend = opener.opened(choice.path, network, options)
    return backend
