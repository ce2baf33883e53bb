# SPDX-License-Identifier: Apache-2.0
"""Engines of all networks, really built, which needs no GPU; and what TensorRT refuses."""

import pytest

from vpr_ros.backends.exported import reranker_path
from vpr_ros.backends.options import Hooks
from vpr_ros.backends.tensorrt_engine import BuildOptions, OnnxFile, build_engine
from vpr_ros.errors import BackendError
from vpr_ros.models.shipped import SHIPPED, shipped_file

GRAPHS = ("r2former", "r2former_reranker", "transvpr")
RANGES = {"candidates": (1, 20, 100)}


def options(*capabilities, ranges=RANGES, **others):
    return BuildOptions(ranges, capabilities=capabilities or ("8.6",), **others)


def edited(onnx_file, tmp_path, edit):
    """A copy of an ONNX file after an edit of its graph."""
    import onnx

    model = onnx.load_from_string(onnx_file.content)
    edit(model.graph)
    path = tmp_path / "edited.onnx"
    path.write_bytes(model.SerializeToString())
    return OnnxFile.read(path)


@pytest.mark.parametrize(
    ("precision", "capabilities"),
    [("fp32", ("8.6",)), ("fp16", ("8.6", "8.9"))],
)
@pytest.mark.parametrize("name", GRAPHS)
def test_every_graph_becomes_an_engine(rtx, graph, name, precision, capabilities):
    onnx = graph(name, precision)
    plan = build_engine(rtx, onnx, options(*capabilities))
    assert len(plan) > 0.9 * len(onnx.content)  # weights and kernels


@pytest.mark.parametrize("method", SHIPPED)
def test_what_comes_with_the_package_becomes_an_engine(rtx, method):
    extractor = shipped_file(method)
    for path in (extractor, reranker_path(extractor)):
        onnx = OnnxFile.read(path)
        assert len(build_engine(rtx, onnx, options())) > 0.9 * len(onnx.content)


def test_operators_for_cpus(rtx, graph):
    with pytest.raises(BackendError, match=r"int8\.onnx: tensorrt_rtx .* cannot parse"):
        build_engine(rtx, graph("transvpr", "int8"), options())


def test_too_little_workspace(rtx, graph):
    with pytest.raises(BackendError, match="if memory is short, raise workspace_mib = 1, or lower"):
        build_engine(rtx, graph("r2former_reranker"), options(workspace_mib=1))


def test_one_engine_for_several_kinds_of_gpu(rtx, tiny):
    assert len(build_engine(rtx, tiny, options("8.6", "8.9"))) > 1000


def test_progress_is_told(rtx, tiny):
    heard = []
    build_engine(rtx, tiny, options(), Hooks(lambda *report: heard.append(report)))
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
        build_engine(rtx, graph("transvpr"), options(), hooks=Hooks(stop=stop))
    assert len(asked) == 5  # nobody is asked again


def test_error_of_the_listener_ends_the_build(rtx, tiny):
    def listen(phase, done, steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engine(rtx, tiny, options(), Hooks(listen))


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
        build_engine(rtx, onnx_file, options())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(1000)])
def test_no_onnx_file(rtx, tmp_path, content):
    with pytest.raises(BackendError, match=r"a\.onnx") as raised:
        build_engine(rtx, OnnxFile(tmp_path / "a.onnx", content), options())
    assert "\n" not in str(raised.value)


def test_truncated_file(rtx, tiny):
    cut = OnnxFile(tiny.path, tiny.content[: len(tiny.content) // 2])
    with pytest.raises(BackendError, match=r"cannot parse it: .* whole ONNX file"):
        build_engine(rtx, cut, options())


def test_weights_in_another_file(rtx, tiny, tmp_path):
    import onnx

    path = tmp_path / "apart.onnx"
    model = onnx.load_from_string(tiny.content)
    onnx.save(model, path, save_as_external_data=True, size_threshold=0)
    with pytest.raises(BackendError, match="holds its own weights"):
        build_engine(rtx, OnnxFile.read(path), options())


def test_missing_file(tmp_path):
    with pytest.raises(BackendError, match=r"a\.onnx cannot be read: No such file"):
        OnnxFile.read(tmp_path / "a.onnx")


def test_axis_without_range(rtx, tiny):
    with pytest.raises(BackendError, match="axis 0 of rows is called 'candidates' and has no"):
        build_engine(rtx, tiny, options(ranges={"others": (1, 2, 3)}))


@pytest.mark.parametrize("capability", ["8.7", "9.0", "x"])
def test_unknown_capability(rtx, tiny, capability):
    with pytest.raises(BackendError, match=r"builds for 7\.5, 8\.0, 8\.6, 8\.9, 12\.0"):
        build_engine(rtx, tiny, options(capability))


@pytest.mark.parametrize("sizes", [(0, 1, 2), (3, 2, 4), (1, 5, 4)])
def test_impossible_range(sizes):
    with pytest.raises(BackendError, match="must rise from at least 1"):
        BuildOptions({"candidates": sizes})


def test_impossible_workspace():
    with pytest.raises(BackendError, match="workspace_mib = 0"):
        BuildOptions(workspace_mib=0)
