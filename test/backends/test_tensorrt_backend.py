# SPDX-License-Identifier: Apache-2.0
"""Running engines: what is refused before a GPU is needed, and one run where there is a GPU."""

import logging
import sys

import numpy as np
import pytest

from vpr_ros.backends import BackendOptions, open_backend
from vpr_ros.backends.engine_file import write_engine
from vpr_ros.errors import BackendError, ConfigError

pytest.importorskip("cuda.bindings", reason="engines are run through cuda-python")

from cuda.bindings import runtime

from vpr_ros.backends.cuda_device import check, index_of
from vpr_ros.backends.engine_cache import EngineRequest, cached_engine
from vpr_ros.backends.tensorrt_session import Port, check_inputs

CUDA = BackendOptions(device="cuda")
HAS_GPU = runtime.cudaGetDeviceCount()[0] == runtime.cudaError_t.cudaSuccess
without_gpu = pytest.mark.skipif(HAS_GPU, reason="there is a GPU here")
PORTS = {
    "query": Port(True, np.float32, (1, 9, 4), (1, 9, 4), (1, 9, 4)),
    "candidates": Port(True, np.float32, (20, 9, 4), (1, 9, 4), (100, 9, 4)),
    "scores": Port(False, np.float32, (-1,), (-1,), (-1,)),
}


@pytest.fixture
def engine(rtx, tiny, spec, tmp_path):
    """The file of an engine for RTX A5000 and its kind."""
    path = tmp_path / "tiny.engine"
    request = EngineRequest(tiny, spec, rtx, None, ("8.6",))
    write_engine(path, cached_engine(request, tmp_path))
    return path


@without_gpu
def test_no_gpu(engine):
    with pytest.raises(BackendError, match=r"no NVIDIA (driver|GPU)|driver is too old") as raised:
        open_backend(engine, "tiny", CUDA)
    assert "\n" not in str(raised.value)


@without_gpu
@pytest.mark.usefixtures("rtx")
def test_no_gpu_to_build_for(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BackendError, match=r"no NVIDIA (driver|GPU)|driver is too old"):
        open_backend(tiny.path, "tiny", BackendOptions("tensorrt", "cuda"))
    assert list(tmp_path.iterdir()) == []


@without_gpu
@pytest.mark.usefixtures("rtx")
def test_auto_says_why_tensorrt_is_not_used(exported, caplog):
    caplog.set_level(logging.INFO, logger="vpr_ros")
    backend = open_backend(exported("transvpr"), options=BackendOptions(device="auto"))
    assert backend.description.startswith("ONNX Runtime")
    assert "is run by onnxruntime, not by tensorrt: " in caplog.text


def test_cpu(engine):
    with pytest.raises(BackendError, match="device = 'cpu': TensorRT runs on GPUs only"):
        open_backend(engine, "tiny", BackendOptions(device="cpu"))


def test_number_of_the_gpu():
    assert [index_of(each) for each in ("auto", "cuda", "cuda:12")] == [0, 0, 12]


def test_missing_engine(tmp_path):
    with pytest.raises(BackendError, match=r"a\.engine is missing: an engine needs its \.engine"):
        open_backend(tmp_path / "a.engine", "tiny", CUDA)


def test_engine_of_another_network(engine):
    with pytest.raises(ConfigError, match=r"tiny\.engine was exported for network tiny, not r2f"):
        open_backend(engine, "r2former", CUDA)


def test_other_input_size(engine):
    options = BackendOptions(device="cuda", input_size=(640, 480))
    with pytest.raises(ConfigError, match=r"tiny\.engine was exported for input 6x4, not 640x480"):
        open_backend(engine, "tiny", options)


def test_without_cuda_python(engine, monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    for name in ("tensorrt_backend", "tensorrt_session", "cuda_device"):
        monkeypatch.delitem(sys.modules, f"vpr_ros.backends.{name}", raising=False)
    with pytest.raises(BackendError, match=r"needs cuda-python .*pip install cuda-bindings"):
        open_backend(engine, "tiny", CUDA)


def test_without_tensorrt(engine, monkeypatch):
    for name in ("tensorrt_rtx", "tensorrt_rtx_bindings"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendError, match="tensorrt_rtx is not installed: pip install"):
        open_backend(engine, "tiny", CUDA)


@pytest.mark.parametrize("count", [1, 50, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_fitting_inputs(count, dtype):
    inputs = {"query": np.zeros((1, 9, 4), dtype), "candidates": np.zeros((count, 9, 4), dtype)}
    check_inputs(PORTS, inputs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": np.zeros(3)}, "inputs are query, candidates, image: the engine takes query, c"),
        ({"query": np.zeros((1, 8, 4))}, r"query has shape \[1, 8, 4\]: .* for \[1, 9, 4\]$"),
        ({"query": np.zeros((9, 4))}, r"query has shape \[9, 4\]"),
        (
            {"candidates": np.zeros((101, 9, 4))},
            r"candidates has shape \[101, 9, 4\]: .* for \[1, 9, 4\] to \[100, 9, 4\]",
        ),
        ({"candidates": np.zeros((0, 9, 4))}, "candidates has shape"),
        ({"query": np.zeros((1, 9, 4), complex)}, "query is of type complex128: .* float32"),
        ({"query": np.full((1, 9, 4), "a")}, "query is of type <U1"),
    ],
)
def test_unfit_inputs(change, said):
    inputs = {"query": np.zeros((1, 9, 4)), "candidates": np.zeros((2, 9, 4)), **change}
    with pytest.raises(BackendError, match=said):
        check_inputs(PORTS, inputs)


def test_missing_input():
    with pytest.raises(BackendError, match="inputs are none: the engine takes query, candidates"):
        check_inputs(PORTS, {})


def test_errors_of_cuda():
    codes = runtime.cudaError_t
    assert check((codes.cudaSuccess, 5), "counting") == 5
    assert check((codes.cudaSuccess,), "counting") is None
    with pytest.raises(BackendError, match=r"counting: CUDA says .* \(cudaErrorLaunchFailure\)"):
        check((codes.cudaErrorLaunchFailure, None), "counting")
    with pytest.raises(BackendError, match=r"counting: out of memory.*: stop other programs"):
        check((codes.cudaErrorMemoryAllocation, None), "counting")


@pytest.mark.skipif(not HAS_GPU, reason="needs an NVIDIA GPU")
@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize("cuda_graph", [False, True])
@pytest.mark.parametrize("name", ["r2former", "r2former_reranker", "transvpr"])
def test_outputs_are_those_of_pytorch(
    graph, generated_weights, name, cuda_graph, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    method = name.partition("_")[0]
    exact = open_backend(generated_weights(method), name, BackendOptions(input_size=(224, 160)))
    random = np.random.default_rng(0)
    if name == "r2former_reranker":
        inputs = {"query": random.random((1, 140, 131), np.float32)}
        inputs["candidates"] = random.random((7, 140, 131), np.float32)
    else:
        inputs = {"image": random.random((1, 3, 160, 224), np.float32)}
    options = BackendOptions("tensorrt", "cuda", cuda_graph=cuda_graph)
    backend = open_backend(graph(name).path, name, options)
    expected, found = exact.run(inputs), backend.run(inputs)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=0, atol=1e-3)
    again = backend.run(inputs)
    assert all(np.array_equal(again[key], found[key]) for key in found)
    backend.close()
