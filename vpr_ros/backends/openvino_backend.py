# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: runs exported networks on x86 CPUs, R2Former in fp32 faster than ONNX Runtime does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openvino
from numpy.typing import NDArray

from vpr_ros.backends.base import Arrays
from vpr_ros.backends.exported import SPEC_KEY, as_asked, check_ports, from_metadata, read_exported
from vpr_ros.backends.failures import run_failed
from vpr_ros.backends.options import AUTO, CPU, BackendOptions
from vpr_ros.errors import BackendError, WeightsError


class OpenVinoBackend:
    """One exported network on the CPU; several threads may run it at the same time."""

    def __init__(self, path: Path, content: bytes, network: str, options: BackendOptions) -> None:
        """Load an exported network; see ``OnnxBackend`` for arguments and errors."""
        core = openvino.Core()
        try:
            model = core.read_model(model=content, weights=b"")
        except RuntimeError as error:
            raise WeightsError(
                f"{path}: truncated, or not an ONNX file ({_last_line(error)})"
            ) from error
        ports = [[each.get_any_name() for each in side] for side in (model.inputs, model.outputs)]
        self.spec = as_asked(path, from_metadata(path, _metadata(model)), network, options)
        check_ports(path, *ports)
        self._shapes = {each.get_any_name(): each.get_partial_shape() for each in model.inputs}
        try:
            self._compiled = core.compile_model(model, "CPU", _settings(options.threads))
        except RuntimeError as error:
            raise BackendError(f"OpenVINO cannot run {path}: {_last_line(error)}") from error
        self.device = CPU
        version = openvino.get_version().partition("-")[0]
        self.description = f"OpenVINO {version} on the CPU, {self.spec.precision}"

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Compute the network's outputs, float32.

        Args:
            inputs: arrays by the names of the network's inputs.

        Raises:
            BackendError: the device failed, or inputs are missing or of the wrong shape.
        """
        try:
            self._check(inputs)
            found = self._compiled.create_infer_request().infer(dict(inputs))
            # Copies: OpenVINO's arrays are views of memory that the request owns.
            return {each.get_any_name(): found[each].copy() for each in self._compiled.outputs}
        except (RuntimeError, ValueError) as error:
            raise run_failed(self.spec.method, "OpenVINO", inputs, _last_line(error)) from error

    def _check(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """An input that is missing would be computed with as zeros."""
        for name, expected in self._shapes.items():
            if name not in inputs or not expected.compatible(
                openvino.PartialShape(inputs[name].shape)
            ):
                raise ValueError(f"{name} must be {expected}")


def opened(path: Path, network: str, options: BackendOptions) -> OpenVinoBackend:
    """Load an exported network onto the CPU; see ``onnx_backend.opened`` for the errors."""
    if options.device not in (AUTO, CPU):
        raise BackendError(f"device = {options.device!r}: runtime openvino runs on the cpu only")
    return OpenVinoBackend(path, read_exported(path), network, options)


def _metadata(model: Any) -> dict[str, str]:
    """What OpenVINO kept of the ONNX file's metadata."""
    place = ["framework", SPEC_KEY]
    return {SPEC_KEY: model.get_rt_info(place).astype(str)} if model.has_rt_info(place) else {}


def _settings(threads: int) -> dict[str, Any]:
    # Where the CPU can, OpenVINO would compute in bf16.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    return {**exact, "INFERENCE_NUM_THREADS": threads} if threads else exact


def _last_line(error: Exception) -> str:
    """The first lines name places in OpenVINO's sources."""
    return (str(error).split("\n") or [""])[-1]
