# SPDX-License-Identifier: Apache-2.0
"""Exported files: what is in them, and that none is written which computes something else."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vpr_ros.backends import open_backend
from vpr_ros.backends.exported import SPEC_KEY, from_text, reranker_path
from vpr_ros.backends.parity import TOLERANCES
from vpr_ros.backends.sidecar import sidecar_path
from vpr_ros.errors import BackendError, ConfigError, WeightsError

for library in ("torch", "timm", "onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(library, reason=f"exporting needs {library}")

import onnx  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from vpr_ros.backends import export as module  # noqa: E402
from vpr_ros.backends.export import ExportRequest, export  # noqa: E402
from vpr_ros.backends.onnx_precision import to_half, to_int8  # noqa: E402

PRECISIONS = tuple(TOLERANCES)
METHODS = ("transvpr", "r2former")
IMAGES = [np.random.default_rng(4).standard_normal((1, 3, 160, 224)).astype(np.float32)] * 2


def files_of(path):
    return [path, reranker_path(path)] if reranker_path(path).exists() else [path]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("method", METHODS)
def test_every_graph_passes_the_gate_and_says_what_it_is(method, precision, exported):
    """The gate is in the fixture's export: it would have raised."""
    files = files_of(exported(method, precision))
    assert [each.name for each in files] == [
        f"{method}_160x224_{precision}.onnx",
        *([f"r2former_160x224_{precision}.reranker.onnx"] if method == "r2former" else []),
    ]
    for path in files:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        metadata = {each.key: each.value for each in model.metadata_props}
        spec = open_backend(path).spec
        assert from_text(path, metadata[SPEC_KEY]) == replace(spec, runtime="")
        assert from_text(path, sidecar_path(path).read_text()).space == spec.space
        assert (spec.precision, spec.input_height, spec.input_width) == (precision, 160, 224)
        assert (spec.exporter_version, len(spec.weights_sha256)) == ("1", 64)


@pytest.mark.parametrize("method", METHODS)
def test_shapes_are_fixed_but_for_the_number_of_candidates(method, exported):
    for path in files_of(exported(method)):
        graph = onnx.load(path).graph
        axes = {
            port.name: [
                axis.dim_value or axis.dim_param for axis in port.type.tensor_type.shape.dim
            ]
            for port in (*graph.input, *graph.output)
        }
        extractor = {
            "image": [1, 3, 160, 224],
            "global_descriptor": [1, 256],
            "local_features": [1, 140, 131 if method == "r2former" else 259],
        }
        reranker = {
            "query": [1, 140, 131],
            "candidates": ["candidates", 140, 131],
            "scores": ["candidates"],
        }
        assert axes == (extractor if "image" in axes else reranker)
        assert not {"NonZero", "If", "Loop", "Unique"} & {node.op_type for node in graph.node}


def test_nothing_of_this_machine_is_written(exported):
    """Torch notes the file and line that made a node."""
    path = exported("transvpr")
    model = onnx.load(path)
    assert [each.key for each in model.metadata_props] == [SPEC_KEY]
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert str(Path(__file__).parents[2]).encode() not in path.read_bytes()


@pytest.mark.parametrize("method", METHODS)
def test_half_precision_is_where_it_belongs(method, exported):
    for path in files_of(exported(method, "fp16")):
        model = onnx.shape_inference.infer_shapes(onnx.load(path))
        types = {each.name: each.type.tensor_type.elem_type for each in model.graph.value_info}
        types |= {each.name: each.data_type for each in model.graph.initializer}
        ports = (*model.graph.input, *model.graph.output)
        types |= {each.name: each.type.tensor_type.elem_type for each in ports}
        assert {each.type.tensor_type.elem_type for each in ports} == {TensorProto.FLOAT}
        made = Counter((node.op_type, types[node.output[0]]) for node in model.graph.node)
        for exact in ("LayerNormalization", "Softmax", "ReduceL2", "TopK", "Sin"):
            assert made[exact, TensorProto.FLOAT16] == 0
        assert made["LayerNormalization", TensorProto.FLOAT] > 0
        assert made["MatMul", TensorProto.FLOAT16] > made["MatMul", TensorProto.FLOAT]
        to_sort = 1 if path == reranker_path(exported(method, "fp16")) else 0
        assert made["MatMul", TensorProto.FLOAT] == to_sort  # correlations, and nothing else


def test_half_precision_halves_the_file(exported):
    sizes = [exported("transvpr", each).stat().st_size for each in ("fp32", "fp16")]
    assert sizes[1] < 0.55 * sizes[0]


@pytest.mark.parametrize("method", METHODS)
def test_all_weights_of_an_extractor_s_products_have_eight_bits(method, exported):
    graph = onnx.load(exported(method, "int8")).graph
    weights = {each.name for each in graph.initializer}
    products = [node for node in graph.node if node.op_type in ("MatMul", "Gemm")]
    assert not any(weights & set(node.input) for node in products)
    assert any(node.op_type == "MatMulInteger" for node in graph.node)


def test_changing_the_precision_leaves_the_graph_alone(exported):
    model = onnx.load(exported("transvpr"))
    before = model.SerializeToString()
    to_half(model)
    to_int8(model)
    assert model.SerializeToString() == before


def test_settings_are_in_the_file(generated_weights, tmp_path):
    request = ExportRequest(
        generated_weights("transvpr"), "transvpr", (64, 32), settings={"patch_level": 1.0}
    )
    images = [each[:, :, :32, :64].copy() for each in IMAGES]
    lines = []
    (graph,) = export(request, images, tmp_path / "new" / "folder", lines.append)
    found = open_backend(graph.path).spec
    assert replace(found, runtime="") == graph.spec
    assert graph.spec.settings["patch_level"] == 1.0
    assert lines[0].startswith("transvpr_32x64_fp32.onnx, 21")
    assert [line.split("  ")[1] for line in lines[1:]] == [
        "global descriptors, cosine",
        "local features at one place",
        "their descriptors, cosine",
        "their scores, difference",
    ]


def test_a_graph_that_computes_something_else_is_not_written(
    exported, generated_weights, tmp_path, monkeypatch
):
    exported("transvpr")  # so that tracing is remembered

    def broken(model, precision):
        """Another activation in one of the blocks."""
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        gelu = next(node for node in copy.graph.node if node.op_type == "Erf")
        gelu.op_type = "Tanh"
        return copy

    monkeypatch.setattr(module, "in_precision", broken)
    request = ExportRequest(generated_weights("transvpr"), "transvpr", (224, 160))
    lines = []
    with pytest.raises(BackendError, match=r"transvpr_160x224_fp32\.onnx is out of tolerance \("):
        export(request, IMAGES, tmp_path / "out", lines.append)
    assert any(line.endswith("FAILS") for line in lines)
    assert not (tmp_path / "out").exists()


def test_a_reranker_out_of_tolerance_keeps_the_extractor_away(
    exported, generated_weights, tmp_path, monkeypatch
):
    exported("r2former")
    strict = {**TOLERANCES, "fp32": replace(TOLERANCES["fp32"], score=-1.0)}
    monkeypatch.setattr(module, "TOLERANCES", strict)
    request = ExportRequest(generated_weights("r2former"), "r2former", (224, 160))
    with pytest.raises(BackendError, match=r"reranker\.onnx is out of tolerance \(scores, diff"):
        export(request, IMAGES, tmp_path / "out", lambda line: None)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing_behind(exported, generated_weights, tmp_path, monkeypatch):
    exported("transvpr")

    def full(path, content):
        path.write_bytes(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vpr_ros.atomic_file._write", full)
    request = ExportRequest(generated_weights("transvpr"), "transvpr", (224, 160))
    with pytest.raises(OSError, match="No space left"):
        export(request, IMAGES, tmp_path, lambda line: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"precision": "bf16"}, BackendError, "precision = 'bf16': choose one of fp32, fp16, int8"),
        ({"method": "transvpr_ml_satt"}, WeightsError, "does not fit transvpr_ml_satt"),
        ({"method": "netvlad"}, ConfigError, "network 'netvlad' is unknown"),
        ({"input_size": (100, 64)}, ConfigError, "multiples of 16"),
        ({"settings": {"patch_level": 9.0}}, ConfigError, "patch_level = 9"),
        ({"weights": Path("none.pth")}, WeightsError, r"none\.pth"),
    ],
)
def test_impossible_requests(change, error, said, generated_weights, tmp_path):
    asked = {"weights": generated_weights("transvpr"), "method": "transvpr", "input_size": (64, 32)}
    width, height = change.get("input_size", (64, 32))
    images = [np.zeros((1, 3, height, width), np.float32)] * 2
    with pytest.raises(error, match=said):
        export(ExportRequest(**{**asked, **change}), images, tmp_path, lambda line: None)
    assert list(tmp_path.iterdir()) == []


def test_casts_are_shared_and_unused_weights_dropped():
    """Two products of one value, and a constant that both precisions need."""
    make, kind = helper, TensorProto.FLOAT
    weight = onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    nodes = [
        make.make_node("MatMul", ["x", "w"], ["a"]),
        make.make_node("MatMul", ["x", "w"], ["b"]),
        make.make_node("Add", ["a", "b"], ["c"]),
        make.make_node("Softmax", ["c"], ["y"]),
    ]
    ports = [make.make_tensor_value_info(name, kind, [2, 4]) for name in "xy"]
    graph = make.make_graph(nodes, "pair", ports[:1], ports[1:], [weight])
    half = to_half(make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9))
    assert [node.op_type for node in half.graph.node] == [
        *("Cast", "MatMul", "MatMul", "Add", "Cast", "Softmax")
    ]
    assert [each.data_type for each in half.graph.initializer] == [TensorProto.FLOAT16]
