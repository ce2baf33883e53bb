# SPDX-License-Identifier: Apache-2.0
"""Exported files of the methods whose local features are all or the best of their patches."""

import pytest

from vpr_ros.backends import open_backend
from vpr_ros.backends.tensorrt_engine import OnnxFile, build_engine

for library in ("torch", "timm", "onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(library, reason=f"exporting needs {library}")

import onnx  # noqa: E402

SIZES = {"appsvr": (96, 64), "sup_vpr_small": (84, 56), "sup_vpr_small_reg": (84, 56)}
# One precision is enough for the registers: they are four tokens more.
CASES = [(method, each) for method in list(SIZES)[:2] for each in ("fp32", "fp16", "int8")]
CASES += [("sup_vpr_small_reg", "fp32")]
OUTPUTS = {
    "appsvr": {"global_descriptor": [1, 24], "local_features": [1, 24, 515]},
    "sup_vpr_small": {"global_descriptor": [1, 384], "local_features": [1, 24, 387]},
    "sup_vpr_small_reg": {"global_descriptor": [1, 384], "local_features": [1, 24, 387]},
}


@pytest.mark.parametrize(("method", "precision"), CASES)
def test_every_graph_passes_the_gate(method, precision, exported):
    """The gate is in the fixture's export: it would have raised."""
    path = exported(method, precision, SIZES[method])
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    spec = open_backend(path).spec
    assert (spec.method, spec.precision) == (method, precision)
    assert [spec.global_dim, 3 + spec.local_dim] == [each[-1] for each in OUTPUTS[method].values()]
    found = {
        port.name: [axis.dim_value for axis in port.type.tensor_type.shape.dim]
        for port in model.graph.output
    }
    assert found == OUTPUTS[method]
    assert not {"NonZero", "If", "Loop", "Unique"} & {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("method", ["appsvr", "sup_vpr_small"])
def test_every_graph_becomes_an_engine(rtx, method, precision, exported):
    path = exported(method, precision, SIZES[method])
    onnx_file = OnnxFile(path, path.read_bytes())
    plan = build_engine(rtx, onnx_file, ("8.6", "8.9"))
    assert len(plan) > 0.9 * len(onnx_file.content)  # weights and kernels
