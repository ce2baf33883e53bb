# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: the backend that runs exported networks, without PyTorch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from vpr_ros.backends.base import Arrays, first_line, run_failed
from vpr_ros.backends.exported import as_asked, check_ports, read_exported, spec_within
from vpr_ros.backends.options import AUTO, CPU, BackendOptions
from vpr_ros.backends.sidecar import Ports
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import UnavailableError, WeightsError

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_ERRORS_ONLY = 3  # of the log; warnings tell about every node that the optimizer left alone
_log = logging.getLogger(__name__)


class OnnxBackend:
    """One exported network on one device; several threads may run it at the same time."""

    def __init__(
        self, path: Path, content: bytes, network: str = "", options: BackendOptions | None = None
    ) -> None:
        """Load an exported network.

        Args:
            path: where it came from, for messages.
            content: of the file.
            network: the name of the network that it must hold; empty for any.
            options: the device, and what the file must have been exported for.

        Raises:
            BackendError: the device, or ONNX Runtime's support of it, is not there.
            WeightsError: the content is damaged, or is no network that was exported for this.
            ConfigError: it was exported for something else than is asked for.
        """
        options = options or BackendOptions()
        devices = _devices(options.device)
        spec, self._outputs = _read(path, content)
        runtime = f"ONNX Runtime {onnxruntime.__version__}"
        self.spec: ModelSpec = replace(as_asked(path, spec, network, options), runtime=runtime)
        self._ports = Ports(spec)
        start = partial(_started, path, content, options, spec.precision)
        self._session, self.device = _first_started(devices, start)
        where = "the CPU" if self.device == CPU else self.device
        self.description = f"{runtime} on {where}, {spec.precision}"

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Compute the network's outputs, float32 and in the CPU's memory, as ``Backend`` does."""
        try:
            given = self._ports.given(inputs)
            found = self._run(given) if self.device == CPU else self._run_bound(given)
        except Exception as error:  # ONNX Runtime's have no base class of their own
            raise run_failed(self.spec.method, self.device, inputs, first_line(error)) from error
        return self._ports.taken(dict(zip(self._outputs, found, strict=True)))

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        found: list[NDArray[Any]] = self._session.run(self._outputs, dict(inputs))
        return found

    def _run_bound(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Between memories of CPU and GPU, each array is copied once and nothing else is."""
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for name in self._outputs:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        found: list[NDArray[Any]] = binding.copy_outputs_to_cpu()
        return found


def opened(path: Path, network: str, options: BackendOptions) -> OnnxBackend:
    """Load an exported network onto a device, as ``open_backend`` does."""
    return OnnxBackend(path, read_exported(path), network, options)


def _devices(asked: str) -> list[str]:
    """The devices that may be used, ``cpu`` or ``cuda:N``, the best first."""
    here = onnxruntime.get_available_providers()
    if asked == AUTO:
        return ["cuda:0", CPU] if _CUDA in here else [CPU]
    if asked != CPU and _CUDA not in here:
        raise UnavailableError(
            f"device = {asked!r}: ONNX Runtime {onnxruntime.__version__} is installed without "
            f"{_CUDA}: pip uninstall onnxruntime, then pip install onnxruntime-gpu, or "
            "choose device cpu"
        )
    return [asked if asked == CPU else f"cuda:{int(asked.partition(':')[2] or 0)}"]


def _read(path: Path, content: bytes) -> tuple[ModelSpec, list[str]]:
    """What a file holds and the names of its outputs, before seconds are spent on a device."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(content, settings, providers=[_CPU])
    except Exception as error:  # ONNX Runtime's have no base class of their own
        raise WeightsError(
            f"{path}: truncated, or not an ONNX file ({first_line(error)})"
        ) from error
    spec = spec_within(path, content, session.get_modelmeta().custom_metadata_map)
    inputs, outputs = (
        [each.name for each in side] for side in (session.get_inputs(), session.get_outputs())
    )
    check_ports(path, spec, inputs, outputs)
    return spec, Ports(spec).outputs if spec.ports else outputs


def _first_started(devices: Sequence[str], start: Callable[[str], Any]) -> tuple[Any, str]:
    """The network on the first device that can be started, and which that is."""
    for device in devices[:-1]:
        try:
            return start(device), device
        except UnavailableError as error:
            _log.warning("%s", error)
    return start(devices[-1]), devices[-1]


def _started(
    path: Path, content: bytes, options: BackendOptions, precision: str, device: str
) -> Any:
    """The network on one device, and not on another."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.log_severity_level = _ERRORS_ONLY
    provider: tuple[str, dict[str, str]] = (_CPU, {})
    if device != CPU:
        # By default, factors of products are rounded to TensorFloat-32, 10 bits.
        tf32 = "0" if precision == "fp32" else "1"
        provider = (_CUDA, {"device_id": device.partition(":")[2], "use_tf32": tf32})
    cause = "see its messages above"
    try:
        session = onnxruntime.InferenceSession(content, settings, providers=[provider])
        # Where a device cannot be started, ONNX Runtime takes the CPU after a warning.
        if session.get_providers()[0] == provider[0]:
            return session
    except Exception as error:  # as above
        cause = first_line(error)
    raise UnavailableError(
        f"device = {options.device!r}: ONNX Runtime {onnxruntime.__version__} cannot start "
        f"{provider[0]} for {path} ({cause}): check the NVIDIA driver, CUDA and cuDNN, or choose "
        "device cpu"
    )
