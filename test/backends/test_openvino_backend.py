# SPDX-License-Identifier: Apache-2.0
"""Exported networks on OpenVINO: PyTorch's numbers, and files and inputs that are refused."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vpr_ros import pipeline
from vpr_ros.backends import BackendOptions, open_backend
from vpr_ros.backends.exported import reranker_path
from vpr_ros.config import PipelineConfig, with_settings
from vpr_ros.errors import BackendError, ConfigError, WeightsError

openvino = pytest.importorskip("openvino", reason="this backend is OpenVINO")

IMAGE = np.random.default_rng(3).standard_normal((1, 3, 160, 224)).astype(np.float32)


def opened(path, **options):
    return open_backend(path, options=BackendOptions("openvino", **options))


@pytest.mark.parametrize("method", ["transvpr", "r2former"])
def test_gives_the_numbers_of_pytorch(method, exported, generated_weights):
    exact = open_backend(generated_weights(method), method, BackendOptions(input_size=(224, 160)))
    backend = opened(exported(method), threads=1)
    assert backend.spec == exact.spec
    assert backend.description.startswith("OpenVINO ")
    assert backend.description.endswith("on the CPU, fp32")
    expected, found = (each.run({"image": IMAGE}) for each in (exact, backend))
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=2e-4)


def test_reranker_with_several_threads_at_once(exported, generated_weights):
    exact = open_backend(generated_weights("r2former"), "r2former_reranker")
    backend = opened(reranker_path(exported("r2former")), threads=1)
    random = np.random.default_rng(5)
    rows = random.random((4, 140, 131), np.float32)
    rows[:, :, 3:] = random.standard_normal((4, 140, 128))
    inputs = [{"query": rows[:1], "candidates": rows[:count]} for count in (1, 3, 4)]
    with ThreadPoolExecutor(3) as pool:
        for given, found in zip(inputs, pool.map(backend.run, inputs), strict=True):
            np.testing.assert_allclose(
                found["scores"], exact.run(given)["scores"], rtol=0, atol=1e-5
            )


def test_in_the_pipeline(exported, scene):
    settings = {
        "method": "r2former",
        "network.weights": str(exported("r2former")),
        "network.runtime": "openvino",
    }
    line = pipeline.build(with_settings(PipelineConfig(method="hog_sift"), settings))
    features = [line.extractor.extract(scene(number)) for number in (1, 2)]
    assert len(line.reranker.compare(features[0], features)) == 2


def test_outputs_are_the_caller_s_own(exported):
    backend = opened(exported("transvpr"))
    first = backend.run({"image": IMAGE})["global_descriptor"]
    kept = first.copy()
    backend.run({"image": IMAGE + 1})
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, r"transvpr on OpenVINO failed for : image must be \[1,3,160,224\]"),
        ({"image": IMAGE[:, :2]}, r"for image \[1, 2, 160, 224\]: image must be"),
        ({"image": IMAGE, "more": IMAGE}, "transvpr on OpenVINO failed"),
    ],
)
def test_wrong_inputs(inputs, said, exported):
    with pytest.raises(BackendError, match=said) as raised:
        opened(exported("transvpr")).run(inputs)
    assert "\n" not in str(raised.value)


def test_other_devices(exported):
    with pytest.raises(BackendError, match="device = 'cuda': runtime openvino runs on the cpu"):
        opened(exported("transvpr"), device="cuda")


def test_other_wishes_are_refused(exported):
    with pytest.raises(ConfigError, match="for input 224x160, not 640x480"):
        opened(exported("transvpr"), input_size=(640, 480))


@pytest.mark.parametrize("content", [b"", b"<!doctype html>", b"\x08\x08\x12\x07pytorch:\xff"])
def test_damaged_files(content, tmp_path):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.onnx: ") as raised:
        opened(tmp_path / "a.onnx")
    assert "\n" not in str(raised.value)


def test_truncated_file(exported, tmp_path):
    content = exported("transvpr").read_bytes()
    (tmp_path / "a.onnx").write_bytes(content[:-2000])
    with pytest.raises(WeightsError, match=r"a\.onnx"):
        opened(tmp_path / "a.onnx")


def test_without_openvino(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "vpr_ros.backends.openvino_backend", raising=False)
    with pytest.raises(BackendError, match=r"needs OpenVINO .*pip install openvino"):
        opened(tmp_path / "a.onnx")
