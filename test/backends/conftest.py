# SPDX-License-Identifier: Apache-2.0
"""Networks as ONNX files, and the TensorRT that can build engines of them without a GPU."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vpr_ros.backends.exported import SPEC_KEY, reranker_path, to_text
from vpr_ros.backends.sidecar import sidecar_path
from vpr_ros.backends.tensorrt_engine import OnnxFile
from vpr_ros.backends.tensorrt_library import TENSORRT_RTX, TensorRt, find_tensorrt
from vpr_ros.datatypes import ModelSpec
from vpr_ros.errors import BackendError


def onnx_file(path: Path) -> OnnxFile:
    return OnnxFile(path, path.read_bytes())


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


@pytest.fixture(scope="session")
def graph(exported) -> Callable[..., OnnxFile]:
    """The function that gives one exported network, an extractor or a reranker."""

    def file_of(name: str, precision: str = "fp32", size: tuple[int, int] = (224, 160)) -> OnnxFile:
        method, _, role = name.partition("_")
        path = exported(method, precision, size)
        return onnx_file(reranker_path(path) if role else path)

    return file_of


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, spec) -> OnnxFile:
    """A network whose engine is built within a blink, rows [B, 6] to sums [B, 2], and its JSON."""
    onnx = pytest.importorskip("onnx", reason="these tests make ONNX files")
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    weight = onnx.numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(6, 2), "weight")
    ports = [make.make_tensor_value_info("rows", kind, ["candidates", 6])]
    ports.append(make.make_tensor_value_info("sums", kind, ["candidates", 2]))
    node = make.make_node("MatMul", ["rows", "weight"], ["sums"])
    graph = make.make_graph([node], "tiny", ports[:1], ports[1:], [weight])
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9)
    make.set_model_props(model, {SPEC_KEY: to_text(spec)})
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    onnx.save(model, path)
    sidecar_path(path).write_text(to_text(spec))
    return onnx_file(path)
