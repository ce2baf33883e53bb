# SPDX-License-Identifier: Apache-2.0
"""Running networks: the file's suffix says which library does it."""

from __future__ import annotations

from pathlib import Path

from vpr_ros.backends.base import Backend
from vpr_ros.backends.engine_file import ENGINE
from vpr_ros.backends.options import BackendOptions
from vpr_ros.errors import BackendError

__all__ = ["Backend", "BackendOptions", "open_backend"]

_PYTORCH = (".pth", ".pt", ".safetensors")


def open_backend(path: Path, network: str = "", options: BackendOptions | None = None) -> Backend:
    """Load the weights of a network onto a device.

    Args:
        path: ``.pth``, ``.pt`` or ``.safetensors`` for PyTorch, ``.engine`` for TensorRT.
        network: its name in ``vpr_ros.models``; empty for the only one that the file fits.
        options: the device and how to use it; fp32 on the CPU by default.

    Raises:
        BackendError: the library or the device is not there.
        WeightsError: the file cannot be read, or does not fit.
        ConfigError: the network, or one of its settings, is unknown.
    """
    if path.suffix == ENGINE:
        return _open_tensorrt(path, network, options or BackendOptions())
    if path.suffix not in _PYTORCH:
        known = ", ".join((*_PYTORCH, ENGINE))
        raise BackendError(f"{path}: nothing here runs {path.suffix or 'such'} files, but {known}")
    try:
        from vpr_ros.backends.torch_backend import open_torch
    except ImportError as error:
        raise BackendError(
            f"{path} needs PyTorch ({error}): pip install torch torchvision timm safetensors"
        ) from error
    return open_torch(path, network, options or BackendOptions())


def _open_tensorrt(path: Path, network: str, options: BackendOptions) -> Backend:
    try:
        from vpr_ros.backends.tensorrt_backend import open_engine
    except ImportError as error:
        raise BackendError(
            f"{path} needs cuda-python ({error}): pip install cuda-python"
        ) from error
    return open_engine(path, network, options)
