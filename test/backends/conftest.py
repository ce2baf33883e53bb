# SPDX-License-Identifier: Apache-2.0
"""Networks as ONNX files, and the TensorRT that can build engines of them without a GPU."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from vpr_ros.backends.tensorrt_engine import OnnxFile
from vpr_ros.backends.tensorrt_library import TENSORRT_RTX, TensorRt, find_tensorrt
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError

EXTRACTOR = ["global_descriptor", "local_features"]


@pytest.fixture(scope="session")
def rtx() -> TensorRt:
    """TensorRT for RTX; tests are skipped only where it is not installed."""
    try:
        return find_tensorrt(TENSORRT_RTX)
    except BackendError as error:
        if "is not installed" in str(error):
            pytest.skip(f"{error}")
        raise


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    """Of the tiny network."""
    return ModelSpec("tiny", "0123", 4, 6, (0.5,) * 3, (0.25,) * 3, 2, 0, "fp32", "1", {"a": 0.1})


def write_onnx(module, inputs, path: Path, outputs, axes) -> None:
    """Export a module with the inputs' names as they are given."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, which sees sizes that shall not vary
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=18,
            dynamo=False,
        )


@pytest.fixture(scope="session")
def exported(generated_weights, tmp_path_factory) -> Callable[..., OnnxFile]:
    """The function that exports a network for an input of some height and width."""
    import torch

    from vpr_ros.models.weights import load

    folder = tmp_path_factory.mktemp("onnx")

    def file_of(name: str, height: int = 160, width: int = 224) -> OnnxFile:
        path = folder / f"{name}_{height}x{width}.onnx"
        if path.exists():
            return OnnxFile.read(path)
        module = load(generated_weights(name.partition("_")[0]), name).module
        if name.endswith("_reranker"):
            count = min(500, height * width // 256)
            inputs = {"query": torch.rand(1, count, 131), "candidates": torch.rand(3, count, 131)}
            axes = {"candidates": {0: "candidates"}, "scores": {0: "candidates"}}
            write_onnx(module, inputs, path, ["scores"], axes)
        else:
            write_onnx(module, {"image": torch.rand(1, 3, height, width)}, path, EXTRACTOR, {})
        return OnnxFile.read(path)

    return file_of


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> OnnxFile:
    """A network whose engine is built within a blink: [B, 6] to [B, 2]."""
    torch = pytest.importorskip("torch", reason="exporting needs PyTorch")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    axes = {"rows": {0: "candidates"}, "sums": {0: "candidates"}}
    write_onnx(torch.nn.Linear(6, 2), {"rows": torch.rand(3, 6)}, path, ["sums"], axes)
    return OnnxFile.read(path)
