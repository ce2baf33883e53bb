# SPDX-License-Identifier: Apache-2.0
"""PyTorch: the backend that runs weights as they were published, on the CPU or with CUDA."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vpr_ros.backends.base import Arrays, first_line, run_failed
from vpr_ros.backends.options import AUTO, BackendOptions
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError, UnavailableError
from vpr_ros.models.weights import load

_HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend:
    """One network on one device.

    The module takes tensors by the names of its inputs and returns a dictionary of tensors.
    """

    def __init__(self, module: nn.Module, spec: ModelSpec, options: BackendOptions) -> None:
        """Move a network to its device; BackendError if it is not there or has no room."""
        self._device = _device(options.device)
        self.device = str(self._device)
        self._threads = options.threads or torch.get_num_threads()
        if self._device.type == "cuda" and options.precision == "fp32":
            # By default, cuDNN rounds factors of convolutions to TensorFloat-32, 10 bits.
            torch.backends.cudnn.allow_tf32 = False
        try:
            self._module = module.eval().to(self._device)
        except RuntimeError as error:
            raise BackendError(f"{options.device}: {first_line(error)}") from error
        self._half = _HALVES.get(options.precision)
        width, height = options.input_size or (spec.input_width, spec.input_height)
        self.spec = replace(
            spec,
            precision=options.precision,
            input_height=height,
            input_width=width,
            runtime=f"PyTorch {torch.__version__}",
        )
        is_gpu = self._device.type == "cuda"
        where = torch.cuda.get_device_name(self._device) if is_gpu else "the CPU"
        self.description = f"PyTorch {torch.__version__} on {where}, {options.precision}"

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Compute the network's outputs, float32 and in the CPU's memory, as ``Backend`` does."""
        # Not once and for all: another network of this process may be run by another number.
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode(), self._autocast():
                outputs: dict[str, Tensor] = self._module(
                    **{name: self._moved(array) for name, array in inputs.items()}
                )
                return {name: value.float().cpu().numpy() for name, value in outputs.items()}
        except (RuntimeError, TypeError) as error:
            raise run_failed(self.spec.method, self.device, inputs, first_line(error)) from error

    def _moved(self, array: NDArray[Any]) -> Tensor:
        # A read-only array, as maps hand out, must be copied: torch has no read-only tensors.
        safe = array if array.flags.writeable else array.copy()
        return torch.from_numpy(safe).to(self._device)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._half is None:
            return nullcontext()
        return torch.autocast(self._device.type, self._half)


def opened(path: Path, network: str, options: BackendOptions) -> TorchBackend:
    """Load the weights of a network onto a device, as ``open_backend`` does."""
    _device(options.device)  # before seconds are spent on reading weights
    loaded = load(path, network, options.settings)
    return TorchBackend(loaded.module, loaded.spec, options)


def _device(name: str) -> torch.device:
    if name == AUTO:
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UnavailableError(
            f"device = {name!r}: PyTorch {torch.__version__} sees no GPU: install the NVIDIA "
            "driver and a CUDA build of PyTorch, or choose device cpu"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise BackendError(f"device = {name!r}: there are {count} GPUs, counted from cuda:0")
    return device
