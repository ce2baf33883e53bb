# SPDX-License-Identifier: Apache-2.0
"""Engines of all networks, really built, which needs no GPU; and what TensorRT refuses."""

import pytest

from vpr_ros.backends import tensorrt_engine
from vpr_ros.backends.exported import reranker_path
from vpr_ros.backends.options import Hooks
from vpr_ros.backends.tensorrt_engine import OnnxFile, build_engine
from vpr_ros.errors import BackendError
from vpr_ros.models.known_weights import SHIPPED, shipped_file

GRAPHS = ("r2former", "r2former_reranker", "transvpr")
ONE = ("8.6",)


def edited(onnx_file, tmp_path, edit):
    """A copy of an ONNX file after an edit of its graph."""
    import onnx

    model = onnx.load_from_string(onnx_file.content)
    edit(model.graph)
    path = tmp_path / "edited.onnx"
    path.write_bytes(model.SerializeToString())
    return OnnxFile(path, path.read_bytes())


@pytest.mark.parametrize(
    ("precision", "capabilities"),
    [("fp32", ("8.6",)), ("fp16", ("8.6", "8.9"))],
)
@pytest.mark.parametrize("name", GRAPHS)
def test_every_graph_becomes_an_engine(rtx, graph, name, precision, capabilities):
    onnx = graph(name, precision)
    plan = build_engine(rtx, onnx, capabilities)
    assert len(plan) > 0.9 * len(onnx.content)  # weights and kernels


@pytest.mark.parametrize("method", SHIPPED)
def test_what_comes_with_the_package_becomes_an_engine(rtx, method):
    extractor = shipped_file(method)
    for path in (extractor, reranker_path(extractor)):
        onnx = OnnxFile(path, path.read_bytes())
        assert len(build_engine(rtx, onnx, ONE)) > 0.9 * len(onnx.content)


def test_operators_for_cpus(rtx, graph):
    with pytest.raises(BackendError, match=r"int8\.onnx: tensorrt_rtx .* cannot parse"):
        build_engine(rtx, graph("transvpr", "int8"), ONE)


def test_too_little_workspace(rtx, graph, monkeypatch):
    monkeypatch.setattr(tensorrt_engine, "WORKSPACE_MIB", 1)
    with pytest.raises(BackendError, match=r"if memory is short, stop other programs .* 1 MiB"):
        build_engine(rtx, graph("r2former_reranker"), ONE)


def test_one_engine_for_several_kinds_of_gpu(rtx, tiny):
    assert len(build_engine(rtx, tiny, ("8.6", "8.9"))) > 1000


def test_progress_is_told(rtx, tiny):
    heard = []
    build_engine(rtx, tiny, ONE, Hooks(lambda *report: heard.append(report)))
    assert heard[0][1] == 0
    assert all(0 <= done <= steps for _, done, steps in heard)
    assert len(heard) > 10
    phase, done, steps = heard[-1]
    assert (phase, done) == ("Building engine", steps)


def test_cancelled(rtx, graph):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) >= 5

    with pytest.raises(BackendError, match="cancelled"):
        build_engine(rtx, graph("transvpr"), ONE, hooks=Hooks(stop=stop))
    assert len(asked) == 5  # nobody is asked again


def test_error_of_the_listener_ends_the_build(rtx, tiny):
    def listen(phase, done, steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engine(rtx, tiny, ONE, Hooks(listen))


def test_first_node_that_is_not_understood(rtx, tiny, tmp_path):
    def edit(graph):
        import onnx

        second, third = (
            onnx.helper.make_node(kind, ["rows"], [kind], name=name)
            for kind, name in (("Unheard", "/second"), ("Unseen", "/third"))
        )
        graph.node.extend([second, third])

    onnx_file = edited(tiny, tmp_path, edit)
    with pytest.raises(
        BackendError, match=r"edited\.onnx: tensorrt_rtx .* parse node /second \(Unheard\): "
    ) as raised:
        build_engine(rtx, onnx_file, ONE)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(1000)])
def test_no_onnx_file(rtx, tmp_path, content):
    with pytest.raises(BackendError, match=r"a\.onnx") as raised:
        build_engine(rtx, OnnxFile(tmp_path / "a.onnx", content), ONE)
    assert "\n" not in str(raised.value)


def test_truncated_file(rtx, tiny):
    cut = OnnxFile(tiny.path, tiny.content[: len(tiny.content) // 2])
    with pytest.raises(BackendError, match=r"cannot parse it: .* whole ONNX file"):
        build_engine(rtx, cut, ONE)


def test_weights_in_another_file(rtx, tiny, tmp_path):
    import onnx

    path = tmp_path / "apart.onnx"
    model = onnx.load_from_string(tiny.content)
    onnx.save(model, path, save_as_external_data=True, size_threshold=0)
    with pytest.raises(BackendError, match="holds its own weights"):
        build_engine(rtx, OnnxFile(path, path.read_bytes()), ONE)


def test_axis_without_range(rtx, tiny, tmp_path):
    def edit(graph):
        for port in (*graph.input, *graph.output):
            port.type.tensor_type.shape.dim[0].dim_param = "others"

    with pytest.raises(BackendError, match="axis 0 of rows is called 'others' and has no range"):
        build_engine(rtx, edited(tiny, tmp_path, edit), ONE)


@pytest.mark.parametrize("capability", ["8.7", "9.0", "x"])
def test_unknown_capability(rtx, tiny, capability):
    with pytest.raises(BackendError, match=r"builds for 7\.5, 8\.0, 8\.6, 8\.9, 12\.0"):
        build_engine(rtx, tiny, (capability,))
