# SPDX-License-Identifier: Apache-2.0
"""Exported networks on ONNX Runtime: PyTorch's numbers, devices, and files that are refused."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vpr_ros import pipeline
from vpr_ros.backends import BackendOptions, open_backend
from vpr_ros.backends.exported import SPEC_KEY, reranker_path, to_text
from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.datatypes import Keyframe, Query
from vpr_ros.errors import BackendError, ConfigError, WeightsError
from vpr_ros.models import NETWORKS
from vpr_ros.models.known_weights import shipped_file

onnxruntime = pytest.importorskip("onnxruntime", reason="this backend is ONNX Runtime")
onnx = pytest.importorskip("onnx", reason="these tests make ONNX files")

IMAGE = np.random.default_rng(3).standard_normal((1, 3, 160, 224)).astype(np.float32)
METHODS = ("transvpr", "r2former")


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def tiny(path, inputs=("image",), outputs=("global_descriptor", "local_features"), spec=True):
    """A file of a graph that only copies, with or without a specification."""
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [make.make_node("Identity", [inputs[0]], [name]) for name in outputs]
    ports = [
        [make.make_tensor_value_info(name, kind, [1, 4]) for name in names]
        for names in (inputs, outputs)
    ]
    graph = make.make_graph(nodes, "tiny", *ports)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9)
    if spec:
        make.set_model_props(model, {SPEC_KEY: to_text(NETWORKS["transvpr"].spec)})
    onnx.save(model, path)
    return path


def test_gives_the_numbers_of_pytorch(method, exported, generated_weights):
    options = BackendOptions(input_size=(224, 160))
    exact = open_backend(generated_weights(method), method, options)
    graph = open_backend(exported(method), method, options)
    assert graph.spec.space == exact.spec.space
    expected, found = (each.run({"image": IMAGE}) for each in (exact, graph))
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=2e-4)
        assert found[name].dtype == np.float32


def test_reranker_with_any_number_of_candidates(exported, generated_weights):
    exact = open_backend(generated_weights("r2former"), "r2former_reranker")
    graph = open_backend(reranker_path(exported("r2former")), "r2former_reranker")
    random = np.random.default_rng(5)
    rows = random.random((7, 140, 131), np.float32)
    rows[:, :, 3:] = random.standard_normal((7, 140, 128))
    for count in (1, 2, 7):
        inputs = {"query": rows[:1], "candidates": rows[:count]}
        expected, found = (each.run(inputs)["scores"] for each in (exact, graph))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.ptp(expected) > 1e-3  # or equal scores would prove little
    with pytest.raises(BackendError, match=r"r2former_reranker on cpu failed for query \[1, 9,"):
        graph.run({"query": rows[:1, :9], "candidates": rows})


@pytest.fixture(scope="module", params=METHODS)
def reference(request, generated_weights, scene, tmp_path_factory):
    """A method, and what its pipeline answers on PyTorch."""
    settings = {"network.width": 224, "network.height": 160}
    path = tmp_path_factory.mktemp("maps") / "torch.vprmap"
    weights = generated_weights(request.param)
    return request.param, answers(request.param, weights, settings, scene, path)


def answers(method, weights, settings, scene, path):
    """To two images of a map of three, and to one of elsewhere."""
    settings = {**settings, "method": method, "network.weights": str(weights)}
    line = pipeline.build(with_settings(PipelineConfig(method="hog_sift"), settings))
    with line.continue_map(path) as place_map:
        place_map.begin_session("monday")
        for seed in range(3):
            place_map.append(Keyframe(seed * 20 * 10**9, line.extractor.extract(scene(seed))))
        place_map.commit()
        recognizer = line.recognizer(place_map)
        return [
            recognizer.answer(Query(line.extractor.extract(scene(seed)), 7)) for seed in (0, 2, 9)
        ]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_verdicts_are_those_of_pytorch(reference, precision, exported, scene, tmp_path):
    method, expected = reference
    found = answers(method, exported(method, precision), {}, scene, tmp_path / "onnx.vprmap")
    assert [each.verdict for each in found] == [each.verdict for each in expected]
    for left, right in zip(found[:2], expected[:2], strict=True):
        best = [answer.candidates[0].keyframe.key.id for answer in (left, right)]
        assert best[0] == best[1]


def test_the_file_says_size_and_precision(exported):
    backend = open_backend(exported("transvpr", "int8"))
    assert (backend.spec.input_width, backend.spec.input_height) == (224, 160)
    assert backend.spec.precision == "int8"
    assert backend.description == f"ONNX Runtime {onnxruntime.__version__} on the CPU, int8"


def test_settings_of_the_configuration_reach_the_extractor(exported, scene):
    settings = {"method": "transvpr", "network.weights": str(exported("transvpr"))}
    counts = []
    for score in (0.02, 0.5):
        changed = {**settings, "network.min_score": score}
        line = pipeline.build(with_settings(PipelineConfig(method="hog_sift"), changed))
        assert line.extractor.spec.settings["min_score"] == score
        counts.append(len(line.extractor.extract(scene(1)).local))
    assert counts[0] > counts[1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"network.variant": "ml_satt"}, "for network transvpr, not transvpr_ml_satt"),
        ({"network.width": 640, "network.height": 480}, "for input 224x160, not 640x480"),
        ({"network.precision": "fp16"}, "for precision fp32, not fp16"),
        ({"network.num_local": 9}, "for num_local = unknown, not 9"),
    ],
)
def test_other_wishes_of_a_configuration_are_refused(settings, said, exported):
    asked = {"method": "transvpr", "network.weights": str(exported("transvpr")), **settings}
    with pytest.raises(ConfigError, match=said):
        pipeline.build(with_settings(PipelineConfig(method="hog_sift"), asked))


def test_without_the_reranker_beside_it(tmp_path):
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(shipped_file("r2former_tiny").read_bytes())
    settings = {"method": "r2former_tiny", "rerank": "learned", "network.weights": str(alone)}
    config = with_settings(PipelineConfig(method="hog_sift"), settings)
    with pytest.raises(WeightsError, match=r"alone\.reranker\.onnx: No such file.*vpr export"):
        pipeline.build(config)


def test_several_threads_at_once(exported):
    backend = open_backend(exported("transvpr"), options=BackendOptions(threads=1))
    expected = backend.run({"image": IMAGE})["global_descriptor"]
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(backend.run, [{"image": IMAGE}] * 6):
            np.testing.assert_array_equal(found["global_descriptor"], expected)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_missing_provider(device, tmp_path, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BackendError, match=f"'{device}'.*pip install onnxruntime-gpu") as raised:
        open_backend(tiny(tmp_path / "a.onnx"), options=BackendOptions("onnxruntime", device))
    assert "\n" not in str(raised.value)


class Session:
    """A session on a machine with a GPU that nobody has here."""

    active = "CUDAExecutionProvider"
    asked = None

    def __init__(self, content, options, providers):
        type(self).asked = providers
        self._real = REAL(content, options, providers=["CPUExecutionProvider"])

    def get_providers(self):
        return [self.active]

    def __getattr__(self, name):
        return getattr(self._real, name)


REAL = onnxruntime.InferenceSession


@pytest.fixture
def gpu(monkeypatch):
    """ONNX Runtime as if it were built for CUDA; sessions compute on the CPU."""
    known = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: known)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)


@pytest.mark.parametrize(
    ("device", "provider", "said"),
    [
        (
            "cuda:1",
            ("CUDAExecutionProvider", {"device_id": "1", "use_tf32": "0"}),
            "on cuda:1, fp32",
        ),
        (
            "auto",
            ("CUDAExecutionProvider", {"device_id": "0", "use_tf32": "0"}),
            "on cuda:0, fp32",
        ),
    ],
)
def test_gpu(gpu, device, provider, said, tmp_path):
    backend = open_backend(
        tiny(tmp_path / "a.onnx"), "transvpr", BackendOptions("onnxruntime", device)
    )
    assert Session.asked == [provider]
    assert said in backend.description
    image = np.arange(4, dtype=np.float32)[None]
    found = backend.run({"image": image})  # bound, as on a GPU
    np.testing.assert_array_equal(found["local_features"], image)
    assert list(found) == ["global_descriptor", "local_features"]


def test_auto_takes_the_cpu_where_the_gpu_cannot_be_started_and_says_so(
    tmp_path, monkeypatch, caplog
):
    class Failing(Session):
        def get_providers(self):
            return ["CPUExecutionProvider"]

    known = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: known)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Failing)
    options = BackendOptions("onnxruntime", "auto")
    assert open_backend(tiny(tmp_path / "a.onnx"), options=options).device == "cpu"
    assert "cannot start CUDAExecutionProvider" in caplog.text


def test_a_silent_run_on_the_cpu_is_refused(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(Session, "active", "CPUExecutionProvider")
    with pytest.raises(BackendError, match=r"'cuda'.*cannot start CUDAExecutionProvider"):
        open_backend(tiny(tmp_path / "a.onnx"), options=BackendOptions("onnxruntime", "cuda"))


def test_a_gpu_that_fails_at_the_start(gpu, tmp_path, monkeypatch):
    def failing(content, options, providers):
        if providers == ["CPUExecutionProvider"]:
            return REAL(content, options, providers=providers)
        raise RuntimeError("out of memory\nand much more")

    monkeypatch.setattr(onnxruntime, "InferenceSession", failing)
    with pytest.raises(BackendError, match=r"\(out of memory\): check the NVIDIA driver"):
        open_backend(tiny(tmp_path / "a.onnx"), options=BackendOptions("onnxruntime", "cuda"))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"picture": IMAGE}, r"failed for picture \[1, 3, 160, 224\]"),
        ({"image": IMAGE[:, :2]}, r"failed for image \[1, 2, 160, 224\]"),
        ({}, "transvpr on cpu failed for"),
    ],
)
def test_wrong_inputs(inputs, said, tmp_path):
    with pytest.raises(BackendError, match=said) as raised:
        open_backend(tiny(tmp_path / "a.onnx")).run(inputs)
    assert "\n" not in str(raised.value)


def test_missing_file(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.onnx: No such file.*'vpr export'"):
        open_backend(tmp_path / "none.onnx")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_file(share, exported, tmp_path):
    content = exported("transvpr").read_bytes()
    (tmp_path / "a.onnx").write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match=r"a\.onnx") as raised:
        open_backend(tmp_path / "a.onnx")
    assert "\n" not in str(raised.value)


def test_another_kind_of_file(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"<!doctype html><html>not found</html>")
    with pytest.raises(WeightsError, match="truncated, or not an ONNX file"):
        open_backend(tmp_path / "a.onnx")


def test_files_of_other_programs(tmp_path):
    with pytest.raises(WeightsError, match="does not say which network"):
        open_backend(tiny(tmp_path / "a.onnx", spec=False))


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (("input",), ("global_descriptor", "local_features")),
        (("image",), ("logits",)),
        (("image",), ("scores",)),
    ],
)
def test_wrong_names(inputs, outputs, tmp_path):
    path = tiny(tmp_path / "a.onnx", inputs, outputs)
    with pytest.raises(WeightsError, match=f"turns {inputs[0]} into {outputs[0]}.*export it again"):
        open_backend(path)


def test_without_onnx_runtime(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "vpr_ros.backends.onnx_backend", raising=False)
    with pytest.raises(BackendError, match=r"needs ONNX Runtime .*pip install onnxruntime"):
        open_backend(tmp_path / "a.onnx")
